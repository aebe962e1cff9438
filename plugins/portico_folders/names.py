"""Names of folders: what may be one, which are alike, and what a search finds one by."""

import unicodedata
from typing import Final

from portico.api import InvalidRequest, likeness

#: Characters, not bytes.
LONGEST_NAME: Final = 256
#: Bytes of a likeness, so that an index can hold it: some letters are many when folded.
LONGEST_LIKENESS: Final = 2048

#: Characters that nobody sees: control characters, invisible ones, and blanks of every width.
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
_REFUSED = (
    f"[ERROR: name must be a text of 1 to {LONGEST_NAME} characters, and no control characters]"
)


def read_name(name: str) -> str:
    """The name as it is kept: without blanks around it, one where there are several. Raises: Invalid."""
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME or len(likeness(name).encode()) > LONGEST_LIKENESS:
        raise InvalidRequest(_REFUSED)
    kinds = {unicodedata.category(character) for character in name}
    if kinds.issubset(_UNSEEN) or "Cc" in kinds:
        raise InvalidRequest(_REFUSED)
    return name


def search_name(name: str) -> str:
    """What a search finds it by: as alike as `likeness`, and an underscore is as good as a blank."""
    return " ".join(likeness(name).replace("_", " ").split())
