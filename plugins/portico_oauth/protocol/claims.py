"""Read claims, whose shape differs between providers.

What a claim clearly says is read; what it may mean is not guessed, because roles and groups are rights.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

#: Values in one claim, and characters of one value.
MAX_VALUES, MAX_VALUE_CHARS = 1000, 256
#: Values of a claim that count as missing.
EMPTY_VALUES: tuple[Any, ...] = (None, "", [], {})
#: Members that hold the name of a group or role, if a claim has objects. Source: GitHub's teams, SCIM 2.0 §4.1.2, Graph.
NAME_MEMBERS = ("name", "displayName", "display_name", "display")
#: Names in brackets, as Cognito writes the attribute of another provider: `[staff, ops]`.
_BRACKETED = re.compile(r"\[([^\[\]{}]*)\]")
_QUOTES = "\"'"
_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    bool: "a truth value",
    float: "a number with a fraction",
}


class ClaimTexts(NamedTuple):
    """The texts of a claim, without repetitions. `fault`: what in it cannot be read, for the log; empty if nothing."""

    texts: tuple[str, ...]
    fault: str = ""


class _Unreadable(ValueError):
    """A value is not read, because its meaning is not clear; the message says what it is."""


def lookup(claims: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path such as `realm_access.roles`, else the claim of this name; None if missing.

    A name may itself contain dots, as in `resource_access.chat.example.org.roles`. A step into a value that is not an
    object counts as missing.
    """
    values = _values_at(claims, path.split("."))
    return next((value for value in values if value not in EMPTY_VALUES), None)


def has_claim(claims: Mapping[str, Any], path: str) -> bool:
    """Whether there is such a claim with a value, which may be an empty list or object."""
    return any(value not in (None, "") for value in _values_at(claims, path.split(".")))


def _values_at(value: Any, steps: list[str]) -> Iterator[Any]:
    """Yield the values at these steps, those of the shortest names first."""
    if not isinstance(value, Mapping):
        return
    for length in range(1, len(steps)):
        yield from _values_at(value.get(".".join(steps[:length])), steps[length:])
    yield value.get(".".join(steps))


def is_true(value: Any) -> bool:
    """Whether a claim says yes: `true`, `1` or the text `true`. Any other value says no."""
    return value is True or value == "true" or (type(value) is int and value == 1)


def first_text(value: Any) -> str:
    """Return a claim that is a text, or the first text of a list such as `emails`; empty if there is none."""
    if isinstance(value, list):
        return next((entry for entry in value if isinstance(entry, str) and entry), "")
    return value if isinstance(value, str) else ""


def claim_texts(value: Any, separator: str, *, reads_objects: bool = True) -> ClaimTexts:
    """Return the names that a claim of roles or groups contains.

    The claim is a list of names or numbers; one text: names with separators, in brackets, or JSON; a number; or an object
    whose members are the names, such as Zitadel's roles. `null` is nothing. What has another shape is left out, and
    `fault` names it. `reads_objects`: a group may also be an object with a name.
    """
    texts: list[str] = []
    faults: list[str] = []
    entries = _entries(value, separator)
    for entry in entries[: MAX_VALUES + 1]:
        try:
            texts += _names(entry, reads_objects)
        except _Unreadable as error:
            faults.append(str(error))
    if max(len(entries), len(texts)) > MAX_VALUES:
        return ClaimTexts((), f"it has more than {MAX_VALUES} values")
    found = tuple(text for text in dict.fromkeys(texts) if text)
    return ClaimTexts(found, ", ".join(dict.fromkeys(faults)))


def _entries(value: Any, separator: str) -> list[Any]:
    if isinstance(value, list):
        return value
    return _entries_of_text(value, separator) if isinstance(value, str) else [value]


def _entries_of_text(text: str, separator: str) -> list[Any]:
    text = text.strip()
    if text.startswith(("[", "{")):
        try:
            decoded = msgspec.json.decode(text, type=list[Any] | dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            pass
        else:
            return decoded if isinstance(decoded, list) else [decoded]
    if bracketed := _BRACKETED.fullmatch(text):
        text = bracketed[1]
        separator = "," if "," in text else separator
        return [_unquoted(part.strip()) for part in text.split(separator)]
    return [part.strip() for part in text.split(separator)]


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES
    return text[1:-1] if is_quoted else text


def _names(entry: Any, reads_objects: bool) -> list[str]:
    """Return the names in one entry of a claim. Raises: _Unreadable."""
    match entry:
        case None:
            return []
        case str():
            return [entry]
        case bool() | float() | list():
            raise _Unreadable(f"{_TYPE_NAMES[type(entry)]} is not a name")
        case int():
            return [str(entry)]
        case _:
            return _names_of_object(entry, reads_objects)


def _names_of_object(entry: Mapping[str, Any], reads_objects: bool) -> list[str]:
    """Return the name of an object with a name, else the names of its members. Raises: _Unreadable.

    The members are names if each value is an object of texts, where Zitadel writes the organizations that grant the role.
    A role that none grants is not read; a group may have an empty object.
    """
    for member in NAME_MEMBERS if reads_objects else ():
        if isinstance(entry.get(member), str) and entry[member]:
            return [entry[member]]
    if not entry:
        raise _Unreadable("an object is empty")
    if not all(_is_object_of_texts(value, reads_objects) for value in entry.values()):
        raise _Unreadable("an object is not a name")
    return list(entry)


def _is_object_of_texts(value: Any, may_be_empty: bool) -> bool:
    is_filled = isinstance(value, Mapping) and (bool(value) or may_be_empty)
    return is_filled and all(isinstance(one, str) for one in value.values())


def display_text(value: Any, max_chars: int = MAX_VALUE_CHARS) -> str:
    """Return a claim as text of at most `max_chars`, without NUL characters; empty if it is not a text."""
    return first_text(value).replace("\x00", "")[:max_chars].strip()
