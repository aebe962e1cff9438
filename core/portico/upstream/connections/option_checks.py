"""Which values options of connections may have. Each check returns why a value is none, empty if it is one."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from portico.settings.section import Secret

MAX_MODEL_IDS: Final = 10_000
MAX_NAME_CHARS: Final = 100
MAX_HEADERS: Final = 50

#: Headers that the HTTP client sets, and those that would give away cookies.
_FORBIDDEN_HEADERS = frozenset(
    {"connection", "content-length", "cookie", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text_fault(text: str, max_chars: int) -> str:
    """Check a text."""
    if len(text) > max_chars:
        return f"must have at most {max_chars} characters"
    return "must not contain control characters" if _CONTROL.search(text) else ""


def choice_fault(value: str, choices: Sequence[str]) -> str:
    """Check a value of which there are only a few."""
    return "" if value in choices else f"must be {' or '.join(map(repr, choices))}"


def model_ids_fault(model_ids: Sequence[str]) -> str:
    """Check ids of models."""
    if len(model_ids) > MAX_MODEL_IDS:
        return f"must name at most {MAX_MODEL_IDS} models"
    bad = any(not 0 < len(one) <= 256 or _CONTROL.search(one) for one in model_ids)
    return "must be ids of 1 to 256 characters" if bad else ""


def headers_fault(headers: Mapping[str, Secret]) -> str:
    """Check headers that are sent with each request."""
    if len(headers) > MAX_HEADERS:
        return f"must be at most {MAX_HEADERS}"
    for name, value in headers.items():
        if not _HEADER_NAME.match(name):
            return "must have names of letters, digits and hyphens"
        if name.lower() in _FORBIDDEN_HEADERS:
            return f"{name} cannot be set"
        text = value.reveal()
        if _CONTROL.search(text) or text != text.strip() or not text.isascii():
            return f"the value of {name} must be printable ASCII without blanks around it"
    return ""


def seconds_fault(seconds: float | None) -> str:
    """Check a time limit; None = there is none."""
    if seconds is None or (math.isfinite(seconds) and 0 < seconds <= 86400):
        return ""
    return "must be a number of seconds over 0"
