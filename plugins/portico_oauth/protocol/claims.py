"""Reading claims, of which every provider has its own idea."""

from collections.abc import Mapping
from typing import Any

from portico_oauth.errors import LoginRejected

#: Texts in one claim that are looked at, and characters of one of them.
MOST, LONGEST = 1000, 256
#: Values that say nothing.
NOTHING: tuple[Any, ...] = (None, "", [], {})


def lookup(claims: Mapping[str, Any], path: str) -> Any:
    """What a path such as `realm_access.roles` leads to, else the claim that is called so; None = nothing.

    What stands in the way and is no object is as good as nothing.
    """
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return claims.get(path) if found in NOTHING else found


def texts(value: Any, separator: str, what: str) -> list[str]:
    """The words of a claim: of a list, of one text with separators, of a number.

    Raises: Refused for anything else: whoever decides by what cannot be read decides by nothing.
    """
    match value:
        case None:
            return []
        case str():
            found = [part.strip() for part in value.split(separator)]
        case bool():
            raise LoginRejected(f"the claim of {what} is no list of words")
        case int():
            found = [str(value)]
        case list():
            found = [_word(one, what) for one in value]
        case _:
            raise LoginRejected(f"the claim of {what} is no list of words")
    if len(found) > MOST:
        raise LoginRejected(f"the claim of {what} has too many words")
    return [one for one in dict.fromkeys(found) if one]


def _word(value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise LoginRejected(f"the claim of {what} holds something that is no word")


def text(value: Any, longest: int = LONGEST) -> str:
    """A claim that people read: cut to size, without what no database keeps; empty if it is no text."""
    return value.replace("\x00", "")[:longest].strip() if isinstance(value, str) else ""
