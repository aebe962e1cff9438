"""Read claims, whose shape differs between providers."""

from collections.abc import Mapping
from typing import Any

from portico_oauth.protocol.errors import LoginRejected

#: Values in one claim, and characters of one value.
MAX_VALUES, MAX_VALUE_CHARS = 1000, 256
#: Values of a claim that count as missing.
EMPTY_VALUES: tuple[Any, ...] = (None, "", [], {})


def lookup(claims: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path such as `realm_access.roles`, else the claim of this name; None if missing.

    A step into a value that is not an object counts as missing.
    """
    value: Any = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return claims.get(path) if value in EMPTY_VALUES else value


def text_values(value: Any, separator: str, claim: str) -> list[str]:
    """Return the values of a claim that is a list, one text with separators, or a number.

    Raises: LoginRejected for any other type: a role or group must not be guessed.
    """
    match value:
        case None:
            return []
        case str():
            values = [part.strip() for part in value.split(separator)]
        case bool():
            raise LoginRejected(f"the claim of {claim} is not a list of texts")
        case int():
            values = [str(value)]
        case list():
            values = [_text_value(entry, claim) for entry in value]
        case _:
            raise LoginRejected(f"the claim of {claim} is not a list of texts")
    if len(values) > MAX_VALUES:
        raise LoginRejected(f"the claim of {claim} has more than {MAX_VALUES} values")
    return [text for text in dict.fromkeys(values) if text]


def _text_value(value: Any, claim: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise LoginRejected(f"the claim of {claim} contains a value that is not a text")


def display_text(value: Any, max_chars: int = MAX_VALUE_CHARS) -> str:
    """Return a claim as text of at most `max_chars`, without NUL characters; empty if it is not a text."""
    return value.replace("\x00", "")[:max_chars].strip() if isinstance(value, str) else ""
