"""A chat as it stands in somebody's file: read, checked, and told what may be kept of it.

What says whose it was, what it was called by machines and under which id it was shared is passed over.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    InvalidRequest,
    UnreadableImport,
    ValidationError,
    field_error,
    json_error,
    lenient_decoder,
    plain_value,
    sanitize_json,
)
from portico_chats.content.chat_document import (
    NEW_CHAT,
    ChatDocument,
    as_json,
    column_title,
    join_object,
    keys_of,
    read_document,
    split_object,
)
from portico_chats.tags.names import parse_tags
from portico_chats.transfer import chatgpt
from portico_chats.transfer.file_folders import FileFolder, folder_of

#: Bytes of one chat.
LARGEST: Final = 32 * 1024 * 1024
#: Of each message, and of each part, there are notes in memory while a chat is taken apart. A message has a bracket,
#: parts stand between commas.
MOST_BRACKETS: Final = 250_000
MOST_COMMAS: Final = 1_000_000
#: The last second of the year 9999.
LATEST: Final = 253_402_300_799
#: Bytes of what is kept beside a document.
LARGEST_META: Final = 64 * 1024


class _Incoming(msgspec.Struct, kw_only=True):
    """A row, as exports have it. Of rows that databases write, `chat` and `meta` are texts."""

    chat: msgspec.Raw
    title: str | UnsetType = UNSET
    meta: msgspec.Raw | UnsetType = UNSET
    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    folder: msgspec.Raw | UnsetType = UNSET
    tags: msgspec.Raw | UnsetType = UNSET
    created_at: int | None = None
    updated_at: int | None = None


class _Keys(msgspec.Struct):
    """By which a document that stands alone, and exports of others, are known."""

    chat: msgspec.Raw | UnsetType = UNSET
    mapping: msgspec.Raw | UnsetType = UNSET
    history: msgspec.Raw | UnsetType = UNSET
    messages: msgspec.Raw | UnsetType = UNSET
    chat_messages: msgspec.Raw | UnsetType = UNSET
    timestamp: msgspec.Raw | UnsetType = UNSET
    tags: msgspec.Raw | UnsetType = UNSET


class _Named(msgspec.Struct):
    name: str


class NoChat(ValidationError):
    """An object of another kind than a chat."""


class ImportedChat(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a chat in a file. Times: epoch seconds; None = those of its arrival. `meta`: JSON.

    `folder`: the one it says it lies in. `dropped_events`: parts of it that cannot be kept.
    """

    document: ChatDocument
    title: str
    meta: str
    tags: Mapping[str, str]
    pinned: bool
    archived: bool
    folder: FileFolder | None
    created_at: int | None
    updated_at: int | None
    left_out: int = 0

    def row(self, chat_id: str, owner_id: str, at: int, folder_id: str | None) -> dict[str, Any]:
        """The columns of the chat that it becomes, see `new_row`. `at`: epoch seconds of its arrival."""
        return {
            "id": chat_id,
            "user_id": owner_id,
            "title": self.title,
            "created_at": at if self.created_at is None else self.created_at,
            "updated_at": at if self.updated_at is None else self.updated_at,
            "share_id": None,
            "archived": self.archived,
            "pinned": self.pinned,
            "meta": self.meta,
            "folder_id": folder_id,
        }


def is_too_large(raw: bytes) -> bool:
    """Whether to read a chat would fill the memory."""
    return len(raw) > LARGEST or raw.count(b"{") > MOST_BRACKETS or raw.count(b",") > MOST_COMMAS


def parse_chat(raw: bytes) -> ImportedChat:
    """Read one chat: a row, a document that stands alone, or a conversation of ChatGPT.

    Raises: Misshapen, NoChat for what is none of them; Invalid.
    """
    try:
        row, left_out = _as_row(sanitize_json(raw))
        one: _Incoming = lenient_decoder(_Incoming).decode(row)
        document = read_document(keys_of(plain_value(one.chat)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json_error(error) from None
    except UnreadableImport as error:
        raise field_error("chat", "json_invalid", str(error)) from None
    title = document.title
    if title is None:
        title = NEW_CHAT if one.title is UNSET else column_title(one.title)
    meta, tags = _meta(one.meta, one.tags)
    return ImportedChat(
        document=document,
        title=title,
        meta=meta,
        tags=tags,
        pinned=bool(one.pinned),
        archived=bool(one.archived),
        folder=folder_of(one.folder_id, one.folder),
        created_at=_time("created_at", one.created_at),
        updated_at=_time("updated_at", one.updated_at),
        left_out=left_out,
    )


def _as_row(raw: bytes) -> tuple[bytes, int]:
    """The row that an object is, or would be; and how many of its parts are not in it.

    Raises: NoChat; msgspec.ValidationError.
    """
    keys = msgspec.json.decode(raw, type=_Keys)
    if keys.chat is not UNSET:
        return raw, 0
    if keys.mapping is not UNSET:
        found = chatgpt.convert(raw)
        return found.row, found.left_out
    if keys.history is not UNSET or keys.messages is not UNSET:
        row: dict[str, Any] = {"chat": msgspec.Raw(raw)}
        if keys.tags is not UNSET:
            row["tags"] = keys.tags
        if keys.timestamp is not UNSET and (at := _milliseconds(keys.timestamp)) is not None:
            row |= {"created_at": at, "updated_at": at}
        return msgspec.json.encode(row), 0
    message = "Field required"
    if keys.chat_messages is not UNSET:
        message = "This is a conversation as Claude exports it, which cannot be read"
    raise NoChat([{"type": "missing", "loc": ["body", "chat"], "msg": message}])


def _milliseconds(raw: msgspec.Raw) -> int | None:
    """What a document says of its time, in seconds; None for what is no time."""
    try:
        at = msgspec.json.decode(raw, type=float)
    except msgspec.DecodeError:
        return None
    return int(at / 1000) if 0 <= at / 1000 <= LATEST else None


def _meta(
    raw: msgspec.Raw | UnsetType, beside: msgspec.Raw | UnsetType
) -> tuple[str, dict[str, str]]:
    """What is kept beside the document, with the ids of its tags in the place of their names; the tags by id.

    `beside`: tags that old exports have outside of `meta`.
    """
    text = b"{}" if raw is UNSET or bytes(raw) == b"null" else bytes(raw)
    if len(text) > LARGEST_META:
        raise InvalidRequest("[ERROR: meta: at most 64 KiB]")
    try:
        text = bytes(plain_value(msgspec.Raw(text)))
        parts = split_object(text)
        if "tags" not in parts and (names := _names(beside)):
            parts["tags"] = as_json(names)
        tags = parse_tags(join_object(parts))
    except msgspec.ValidationError:
        message = "Expected an object, whose `tags` are a list of texts"
        raise field_error("meta", "dict_type", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, UnreadableImport):
        raise field_error("meta", "json_invalid", "It is not UTF-8 JSON") from None
    if "tags" in parts:
        parts["tags"] = as_json(list(tags))
    return join_object(parts), tags


def _names(raw: msgspec.Raw | UnsetType) -> list[str]:
    """Names of tags out of a list of them or of objects with one; none in another shape."""
    try:
        told = [] if raw is UNSET else msgspec.json.decode(raw, type=list[str | _Named])
    except msgspec.ValidationError:
        return []
    return [one if isinstance(one, str) else one.name for one in told]


def _time(name: str, at: int | None) -> int | None:
    if at is not None and not 0 <= at <= LATEST:
        raise InvalidRequest(f"[ERROR: {name}: a time in seconds since 1970]")
    return at
