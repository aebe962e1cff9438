"""Names of folders: validation, and normalized forms for comparison and search."""

import unicodedata
from typing import Final

from portico.api import InvalidRequest, likeness

#: Characters, not bytes.
LONGEST_NAME: Final = 256
#: Bytes of a normalized name, so that it fits into an index: some letters become many when folded.
LONGEST_LIKENESS: Final = 2048

#: Invisible characters: control characters, zero-width ones, and spaces of every width.
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
_REFUSED = (
    f"[ERROR: name must be a text of 1 to {LONGEST_NAME} characters, and no control characters]"
)


def read_name(name: str) -> str:
    """Return the name for storage: trimmed, with single spaces. Raises: InvalidRequest."""
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME or len(likeness(name).encode()) > LONGEST_LIKENESS:
        raise InvalidRequest(_REFUSED)
    kinds = {unicodedata.category(character) for character in name}
    if kinds.issubset(_UNSEEN) or "Cc" in kinds:
        raise InvalidRequest(_REFUSED)
    return name


def search_name(name: str) -> str:
    """Return the name for search: normalized as in `normalized_name`, with underscores equal to spaces."""
    return " ".join(likeness(name).replace("_", " ").split())
