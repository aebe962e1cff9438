"""The files and folders that a request names besides its messages, and the files that a model's record names."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from portico.api import InvalidRequest
from portico.api.json import field_error
from portico_files.schemas import NOT_READABLE

FILE: Final = "file"
FOLDER: Final = "folder"
#: What clients send in the messages as well.
IMAGE: Final = "image"
#: A web page, whose text is in a file.
TEXT: Final = "text"
MAX_TYPE_CHARS: Final = 40


class _Item(msgspec.Struct):
    id: Any = None
    type: Any = FILE
    file: Any = None


class Attachments(NamedTuple):
    """What a request names: ids of files, and of folders whose files are meant. Each once."""

    file_ids: Sequence[str] = ()
    folder_ids: Sequence[str] = ()


def read_attachments(raw: msgspec.Raw, max_count: int) -> Attachments:
    """Return what the key `files` of a request names.

    Raises: ValidationError for another shape; InvalidRequest for too many of them, and for what is neither a file nor a
    folder, such as a collection.
    """
    try:
        items = msgspec.json.decode(raw, type=list[_Item] | None) or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise field_error("files", "list_type", "Expected a list of files") from None
    ids: dict[str, dict[str, None]] = {FILE: {}, FOLDER: {}}
    for item in items:
        if item.type == IMAGE:
            continue
        if item.type == TEXT and isinstance(item.file, dict):
            item.type, item.id = FILE, item.file.get("id")
        if item.type not in (FILE, FOLDER):
            kind = item.type[:MAX_TYPE_CHARS] if isinstance(item.type, str) else "unknown"
            raise InvalidRequest(NOT_READABLE.format(kind))
        if not isinstance(item.id, str):
            raise field_error("files", "string_type", f"Expected a {item.type} with an id")
        ids[item.type][item.id] = None
    if sum(map(len, ids.values())) > max_count:
        raise InvalidRequest(f"[ERROR: A request can have at most {max_count} files]")
    return Attachments(tuple(ids[FILE]), tuple(ids[FOLDER]))


def knowledge_file_ids(entries: Sequence[msgspec.Raw]) -> Sequence[str]:
    """Return the ids of the files among the entries of a model's `meta.knowledge`. Other kinds, and other shapes, are left out."""
    ids = []
    for entry in entries:
        try:
            item = msgspec.json.decode(entry, type=_Item)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if item.type == FILE and isinstance(item.id, str):
            ids.append(item.id)
    return ids
