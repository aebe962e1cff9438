"""A chat of an import of a whole instance: an imported chat with its ids, its share, and what was left out of it."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import DomainError, InvalidRequest, ValidationError
from portico.api.json import decode_anything, sanitize_json
from portico.api.transfer import epoch_seconds
from portico_chats.access import is_storable
from portico_chats.content.chat_content import ContentChange
from portico_chats.content.chat_document import as_json, column_title
from portico_chats.sharing.snapshots import snapshot
from portico_chats.tags.names import tag_id
from portico_chats.transfer.imported_chat import ImportedChat, is_too_large, parse_chat
from portico_chats.transfer.mended_record import Faults, mended, mended_document

MAX_ID_CHARS: Final = 255
_TOO_LARGE: Final = "it is larger than chats may be"
_NO_SHARE: Final = "the content that was shared is missing, so the chat is not shared"


class _Ids(msgspec.Struct):
    """What a record has besides what every import reads of a chat."""

    id: Any = None
    user_id: Any = None
    share_id: Any = None
    shared_at: Any = None
    shared_chat: msgspec.Raw | UnsetType = UNSET
    tags: msgspec.Raw | UnsetType = UNSET


class _NamedTag(msgspec.Struct):
    id: Any = None
    name: Any = None


class SharedSnapshot(msgspec.Struct, frozen=True):
    """What is shared of a chat. `document`: JSON. `at`: epoch seconds of the sharing; None = unknown."""

    id: str
    title: str
    document: str
    at: int | None


class ChatRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A chat that was read. `owner_id`: its owner in the source. `faults`: what was changed or left out of it, and how often."""

    id: str
    owner_id: str | None
    chat: ImportedChat
    change: ContentChange
    tags: Mapping[str, str]
    share: SharedSnapshot | None
    faults: Faults


def id_of_record(raw: bytes) -> str:
    """Return the id of a record; empty if it cannot be read."""
    try:
        found = _IDS.decode(raw).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return found if isinstance(found, str) and _is_id(found) else ""


def read_chat(raw: bytes) -> ChatRecord:
    """Read a record, and repair it if it has not the usual shape. Raises: DomainError if nothing of it can be taken."""
    if is_too_large(raw):
        raise InvalidRequest(_TOO_LARGE)
    faults: Faults = {}
    try:
        ids = _IDS.decode(raw)
        try:
            chat = parse_chat(raw)
        except (ValidationError, InvalidRequest):
            text, faults = mended(raw)
            chat = parse_chat(text, long_ids=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise InvalidRequest("it is no JSON object in UTF-8") from None
    chat = _with_current_id(chat, faults)
    owner_id = ids.user_id if isinstance(ids.user_id, str) else None
    chat_id = ids.id if isinstance(ids.id, str) and _is_id(ids.id) else _derived_id(raw)
    return ChatRecord(
        id=chat_id,
        owner_id=owner_id,
        chat=chat,
        change=ContentChange.create(chat.document, chat.title, ""),
        tags=_spelled(chat.tags, ids.tags),
        share=_share(ids, chat_id, owner_id or "", chat.title, faults),
        faults=faults,
    )


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID_CHARS and is_storable(text)


def _derived_id(raw: bytes) -> str:
    """Return the id of a chat without a usable one: the same in every run."""
    return str(uuid.UUID(bytes=hashlib.blake2b(raw, digest_size=16).digest(), version=4))


def _with_current_id(chat: ImportedChat, faults: Faults) -> ImportedChat:
    """Return a chat whose history names a message as the current one: clients show nothing otherwise."""
    document = chat.document
    if not document.messages or document.current_id in document.messages:
        return chat
    last = next(reversed(document.messages))
    faults["the history named no current message; now it is the last one"] = 1
    history = {**(document.history or {}), "currentId": as_json(last)}
    document = msgspec.structs.replace(document, history=history, current_id=last)
    return msgspec.structs.replace(chat, document=document)


def _spelled(tags: Mapping[str, str], raw: msgspec.Raw | UnsetType) -> Mapping[str, str]:
    """Return the tags of a chat in the spelling of their owner, where the record has it."""
    if raw is UNSET or not tags:
        return tags
    try:
        named = msgspec.json.decode(sanitize_json(bytes(raw)), type=list[_NamedTag])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return tags
    names = {one.name for one in named if isinstance(one.name, str)}
    return dict(tags) | {tag_id(name): name for name in names if tag_id(name) in tags}


def _share(
    ids: _Ids, chat_id: str, owner_id: str, title: str, faults: Faults
) -> SharedSnapshot | None:
    share_id = ids.share_id
    if not isinstance(share_id, str) or not share_id:
        return None
    raw = ids.shared_chat
    if raw is UNSET or bytes(raw) == b"null" or not _is_id(share_id):
        faults[_NO_SHARE] = 1
        return None
    try:
        document = mended_document(msgspec.Raw(sanitize_json(bytes(raw))), faults)
        text = snapshot(bytes(document).decode(), chat_id, owner_id or chat_id, share_id)
        named = decode_anything(document).get("title")
    except (DomainError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        faults[_NO_SHARE] = 1
        return None
    shared_title = column_title(named) if isinstance(named, str) else title
    return SharedSnapshot(share_id, shared_title, text, epoch_seconds(ids.shared_at))


_IDS: Final = msgspec.json.Decoder(_Ids)
