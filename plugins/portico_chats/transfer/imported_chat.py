"""A chat of an import file: parsing, checks, and the columns it becomes.

Owner, technical ids and shares of the file are ignored.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import InvalidRequest, ValidationError
from portico.api.json import (
    UnreadableImport,
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
MAX_CHAT_BYTES: Final = 32 * 1024 * 1024
#: Splitting a chat needs memory for each message and part. A message has a bracket, parts are separated by commas.
MAX_BRACKETS: Final = 250_000
MAX_COMMAS: Final = 1_000_000
#: The last second of the year 9999.
MAX_TIME: Final = 253_402_300_799
#: Bytes of `meta`.
MAX_META_BYTES: Final = 64 * 1024


class _Incoming(msgspec.Struct, kw_only=True):
    """A row of an export. In rows that databases export, `chat` and `meta` are texts."""

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
    """Keys that identify a single document, and exports of other products."""

    chat: msgspec.Raw | UnsetType = UNSET
    mapping: msgspec.Raw | UnsetType = UNSET
    history: msgspec.Raw | UnsetType = UNSET
    messages: msgspec.Raw | UnsetType = UNSET
    chat_messages: msgspec.Raw | UnsetType = UNSET
    timestamp: msgspec.Raw | UnsetType = UNSET
    tags: msgspec.Raw | UnsetType = UNSET


class _Named(msgspec.Struct):
    name: str


class NotAChat(ValidationError):
    """An object that is not a chat."""


class ImportedChat(msgspec.Struct, frozen=True, kw_only=True):
    """The imported data of a chat in a file. Times: epoch seconds; None = the time of the import. `meta`: JSON.

    `folder`: the folder it names. `left_out`: number of parts that cannot be stored.
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
        """Return the columns of the chat, see `new_row`. `at`: epoch seconds of the import."""
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
    """Return whether parsing the chat would exhaust the memory."""
    return (
        len(raw) > MAX_CHAT_BYTES or raw.count(b"{") > MAX_BRACKETS or raw.count(b",") > MAX_COMMAS
    )


def parse_chat(raw: bytes, *, long_ids: bool = False) -> ImportedChat:
    """Parse one chat: a row, a single document, or a conversation of ChatGPT.

    `long_ids`: accept ids of messages that are longer than allowed today. Raises: ValidationError, NoChat for anything else; InvalidRequest.
    """
    try:
        row, left_out = _as_row(sanitize_json(raw))
        one: _Incoming = lenient_decoder(_Incoming).decode(row)
        document = read_document(keys_of(plain_value(one.chat)), long_ids=long_ids)
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
    """Return the object as a row; and how many of its parts are left out.

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
        message = "Conversations exported by Claude cannot be imported"
    raise NotAChat([{"type": "missing", "loc": ["body", "chat"], "msg": message}])


def _milliseconds(raw: msgspec.Raw) -> int | None:
    """Return the time of a document in seconds; None if it is not a time."""
    try:
        at = msgspec.json.decode(raw, type=float)
    except msgspec.DecodeError:
        return None
    return int(at / 1000) if 0 <= at / 1000 <= MAX_TIME else None


def _meta(
    raw: msgspec.Raw | UnsetType, beside: msgspec.Raw | UnsetType
) -> tuple[str, dict[str, str]]:
    """Return `meta` for storage, with tag ids in place of their names; and the tags by id.

    `beside`: tags that old exports have outside of `meta`.
    """
    text = b"{}" if raw is UNSET or bytes(raw) == b"null" else bytes(raw)
    if len(text) > MAX_META_BYTES:
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
        raise field_error("meta", "json_invalid", "The value is not UTF-8 JSON") from None
    if "tags" in parts:
        parts["tags"] = as_json(list(tags))
    return join_object(parts), tags


def _names(raw: msgspec.Raw | UnsetType) -> list[str]:
    """Return the names in a list of tags, or of objects with a name; none in another shape."""
    try:
        names = [] if raw is UNSET else msgspec.json.decode(raw, type=list[str | _Named])
    except msgspec.ValidationError:
        return []
    return [one if isinstance(one, str) else one.name for one in names]


def _time(name: str, at: int | None) -> int | None:
    if at is not None and not 0 <= at <= MAX_TIME:
        raise InvalidRequest(f"[ERROR: {name} must be a time in seconds since 1970]")
    return at
