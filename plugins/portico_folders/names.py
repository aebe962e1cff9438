"""Names of folders: validation, and normalized forms for comparison and search."""

import unicodedata
from typing import Final

from portico.api import InvalidRequest
from portico.api.text import likeness

#: Characters, not bytes.
MAX_NAME_CHARS: Final = 256
#: Bytes of a normalized name, so that it fits into an index: some letters become many when folded.
MAX_NORMALIZED_BYTES: Final = 2048

#: Invisible characters: control characters, zero-width ones, and spaces of every width.
_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
_REFUSED = (
    f"[ERROR: name must be a text of 1 to {MAX_NAME_CHARS} characters without control characters]"
)


def read_name(name: str) -> str:
    """Return the name for storage: trimmed, with single spaces. Raises: InvalidRequest."""
    name = " ".join(name.split())
    if len(name) > MAX_NAME_CHARS or len(likeness(name).encode()) > MAX_NORMALIZED_BYTES:
        raise InvalidRequest(_REFUSED)
    kinds = {unicodedata.category(character) for character in name}
    if kinds.issubset(_INVISIBLE) or "Cc" in kinds:
        raise InvalidRequest(_REFUSED)
    return name


def search_name(name: str) -> str:
    """Return the name for search: normalized as in `normalized_name`, with underscores equal to spaces."""
    return " ".join(likeness(name).replace("_", " ").split())
