"""The files that a request names besides its messages."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.json import field_error
from portico_files.schemas import NOT_READABLE

FILE: Final = "file"
#: What clients send in the messages as well.
IMAGE: Final = "image"
MAX_TYPE_CHARS: Final = 40


class _Item(msgspec.Struct):
    id: Any = None
    type: Any = FILE


def read_attachments(raw: msgspec.Raw, max_count: int) -> Sequence[str]:
    """Return the ids of the files in the key `files` of a request, each once.

    Raises: ValidationError for another shape; InvalidRequest for too many files, and for what is no file, such as a
    collection.
    """
    try:
        items = msgspec.json.decode(raw, type=list[_Item] | None) or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise field_error("files", "list_type", "Expected a list of files") from None
    ids: dict[str, None] = {}
    for item in items:
        if item.type == IMAGE:
            continue
        if item.type != FILE:
            kind = item.type[:MAX_TYPE_CHARS] if isinstance(item.type, str) else "unknown"
            raise InvalidRequest(NOT_READABLE.format(kind))
        if not isinstance(item.id, str):
            raise field_error("files", "string_type", "Expected a file with an id")
        ids[item.id] = None
    if len(ids) > max_count:
        raise InvalidRequest(f"[ERROR: A request can have at most {max_count} files]")
    return list(ids)
