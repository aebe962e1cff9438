"""A chat as it stands in somebody's file: read, checked, and told what may be kept of it.

What says whose it was, what it was called by machines and under which id it was shared is passed over.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import Invalid, mended, misfit, unreadable
from portico_chats.content.documents import (
    NEW_CHAT,
    Document,
    as_json,
    column_title,
    joined,
    parts_of,
    read_document,
)
from portico_chats.marks.tag_names import tags_told

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
    chat: msgspec.Raw
    title: str | UnsetType = UNSET
    meta: msgspec.Raw | UnsetType = UNSET
    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a chat in a file. Times: epoch seconds; None = those of its arrival. `meta`: JSON."""

    document: Document
    title: str
    meta: str
    tags: Mapping[str, str]
    pinned: bool
    archived: bool
    folder_id: str | None
    created_at: int | None
    updated_at: int | None

    def row(self, chat_id: str, owner_id: str, at: int, *, in_folder: bool) -> dict[str, Any]:
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
            "folder_id": self.folder_id if in_folder else None,
        }


_DECODER: Final = msgspec.json.Decoder(_Incoming)


def is_too_large(raw: bytes) -> bool:
    """Whether to read a chat would fill the memory."""
    return len(raw) > LARGEST or raw.count(b"{") > MOST_BRACKETS or raw.count(b",") > MOST_COMMAS


def read_arrival(raw: bytes) -> Arrival:
    """Read one chat. Raises: Misshapen, Invalid."""
    try:
        one = _DECODER.decode(mended(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise unreadable(error) from None
    document = read_document(one.chat)
    title = document.title
    if title is None:
        title = NEW_CHAT if one.title is UNSET else column_title(one.title)
    meta, tags = _meta(one.meta)
    return Arrival(
        document=document,
        title=title,
        meta=meta,
        tags=tags,
        pinned=bool(one.pinned),
        archived=bool(one.archived),
        folder_id=one.folder_id or None,
        created_at=_time("created_at", one.created_at),
        updated_at=_time("updated_at", one.updated_at),
    )


def _meta(raw: msgspec.Raw | UnsetType) -> tuple[str, dict[str, str]]:
    """What is kept beside the document, with the ids of its tags in the place of their names; the tags by id."""
    if raw is UNSET or bytes(raw) == b"null":
        return "{}", {}
    text = bytes(raw)
    if len(text) > LARGEST_META:
        raise Invalid("[ERROR: meta: at most 64 KiB]")
    try:
        parts, tags = parts_of(text), tags_told(text)
    except msgspec.ValidationError:
        message = "Expected an object, whose `tags` are a list of texts"
        raise misfit("meta", "dict_type", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise misfit("meta", "json_invalid", "It is not UTF-8 JSON") from None
    if "tags" in parts:
        parts["tags"] = as_json(list(tags))
    return joined(parts), tags


def _time(name: str, at: int | None) -> int | None:
    if at is not None and not 0 <= at <= LATEST:
        raise Invalid(f"[ERROR: {name}: a time in seconds since 1970]")
    return at
