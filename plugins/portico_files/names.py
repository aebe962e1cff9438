"""Names of files, as they are stored and shown."""

import re
import unicodedata
from typing import Final

from portico.api.text import likeness, normalized

MAX_NAME_CHARS: Final = 255
#: Characters of an ending that is kept when a name is cut.
MAX_ENDING_CHARS: Final = 20
NAMELESS: Final = "file"

_PATH = re.compile(r"[/\\]")
_HIDDEN: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def read_name(given: str) -> str:
    """Return the name to store: without directories, and without characters that are invisible or no text."""
    name = _PATH.split(given[: 8 * MAX_NAME_CHARS])[-1]
    name = normalized("NFC", name)
    name = "".join(one for one in name if unicodedata.category(one) not in _HIDDEN).strip()
    if not name.strip("."):
        return NAMELESS
    if len(name) > MAX_NAME_CHARS:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) <= MAX_ENDING_CHARS else ""
        name = name[: MAX_NAME_CHARS - len(ending)] + ending
    return name


def extension_of(name: str) -> str:
    """Return the ending of a name in lower case, without its dot; empty if it has none."""
    stem, _, ending = name.rpartition(".")
    return ending.lower() if stem else ""


def search_name(name: str) -> str:
    """Return the name as a search compares it."""
    return likeness(name)
