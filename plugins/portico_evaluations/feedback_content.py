"""What a client sends as a rating: the known fields with their limits; further keys are kept, within a limit of bytes."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from portico.api import TooLarge, ValidationError
from portico.api.json import RawFields, field_error, lenient_decoder, raw_object, to_field_error

#: Bytes of `data` without its comment, and of `meta`.
MAX_DOCUMENT_BYTES: Final = 8 * 1024
MAX_COMMENT_CHARS: Final = 10_000
MAX_MODEL_ID_CHARS: Final = 256
MAX_TAG_CHARS: Final = 256
#: Tags, and replies to the same prompt, of one rating.
MAX_ITEMS: Final = 64
#: What clients are given where there is no copy of a chat: their page reads the messages in it.
EMPTY_SNAPSHOT: Final = msgspec.Raw(
    b'{"chat":{"chat":{"history":{"messages":{},"currentId":null}}}}'
)

_ModelId = Annotated[str, msgspec.Meta(max_length=MAX_MODEL_ID_CHARS)]
_Tag = Annotated[str, msgspec.Meta(max_length=MAX_TAG_CHARS)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _Details(msgspec.Struct):
    rating: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


class RatingFields(msgspec.Struct):
    """The known keys of `data`. A sibling without a model is null. Source: the API's clients."""

    rating: Annotated[int, msgspec.Meta(ge=-1, le=1)] | None = None
    model_id: _ModelId | None = None
    sibling_model_ids: (
        Annotated[list[_ModelId | None], msgspec.Meta(max_length=MAX_ITEMS)] | None
    ) = None
    reason: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    comment: Annotated[str, msgspec.Meta(max_length=MAX_COMMENT_CHARS)] | None = None
    tags: Annotated[list[_Tag], msgspec.Meta(max_length=MAX_ITEMS)] | None = None
    details: _Details | None = None


class ReplyFields(msgspec.Struct):
    """The known keys of `meta`: the reply that is rated."""

    chat_id: _Id
    message_id: _Id


class _SnapshotHistory(msgspec.Struct):
    messages: dict[str, dict[str, msgspec.Raw]]


class _ChatContent(msgspec.Struct):
    history: _SnapshotHistory


class _Chat(msgspec.Struct):
    chat: _ChatContent


class _Snapshot(msgspec.Struct):
    chat: _Chat | None = None


class Rating(msgspec.Struct, frozen=True):
    """A checked `data`. `further`: its unknown keys, and `details`, as they were sent."""

    fields: RatingFields
    further: RawFields

    def document(self, model_id: str, siblings: Sequence[str] | None) -> str:
        """Return the JSON to store, without the comment.

        `model_id`, `siblings`: what is known of the reply instead of what the client says. Raises: TooLarge.
        """
        known = {
            "rating": self.fields.rating,
            "model_id": model_id or None,
            "sibling_model_ids": siblings,
            "reason": self.fields.reason,
        }
        if self.fields.tags is not None:
            known["tags"] = self.fields.tags
        return _bounded(msgspec.json.encode(known | self.further), "data")


def read_rating(raw: msgspec.Raw) -> Rating | None:
    """Read `data`; None if it is missing or null. Raises: ValidationError."""
    if is_absent(raw):
        return None
    fields = _read(raw, RatingFields, "data")
    further = raw_object.split(raw)
    for name in ("rating", "model_id", "sibling_model_ids", "reason", "comment", "tags"):
        further.pop(name, None)
    return Rating(fields, further)


def read_reply(raw: msgspec.Raw) -> ReplyFields:
    """Read of `meta` which reply is rated. Raises: ValidationError."""
    if is_absent(raw):
        raise field_error("meta", "missing", "Field required")
    found: ReplyFields = _read(raw, ReplyFields, "meta")
    return found


def meta_document(raw: msgspec.Raw) -> str:
    """Return `meta` as it is stored. Raises: TooLarge."""
    return _bounded(raw_object.join(raw_object.split(raw)), "meta")


def read_snapshot(raw: msgspec.Raw, max_bytes: int) -> str | None:
    """Return the copy of a chat as it is stored; None if there is none, or it is larger than `max_bytes`.

    Raises: ValidationError for another shape: clients could not show it.
    """
    if is_absent(raw) or memoryview(raw).nbytes > max_bytes:
        return None
    snapshot = _read(raw, _Snapshot, "snapshot")
    return bytes(raw).decode() if snapshot.chat is not None else None


def with_comment(data: str, comment: str | None) -> msgspec.Raw:
    """Return the JSON of a stored `data` together with its comment."""
    return msgspec.Raw(f'{data[:-1]},"comment":{msgspec.json.encode(comment).decode()}}}'.encode())


def is_absent(raw: msgspec.Raw) -> bool:
    """Return whether a field is missing or null."""
    return memoryview(raw).nbytes <= len("null") and bytes(raw) in (b"", b"null")


def _read(raw: msgspec.Raw, kind: Any, field: str) -> Any:
    try:
        return lenient_decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        # msgspec names what it expected and where, never what it got.
        fault: dict[str, Any] = to_field_error(str(error), "body")
        fault["loc"].insert(1, field)
        raise ValidationError([fault]) from None


def _bounded(document: bytes, field: str) -> str:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"[ERROR: {field}: at most {MAX_DOCUMENT_BYTES} bytes]")
    return document.decode()


#: What is said about a reply by a form without `data`.
NO_RATING: Final = Rating(RatingFields(), {})
