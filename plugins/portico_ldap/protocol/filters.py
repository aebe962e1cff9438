"""Filters: what an operator writes, as what is sent. What a person typed never becomes text, so there is nothing to escape.

Source: RFC 4515 for the text, RFC 4511, 4.5.1.7 for the bytes.
"""

import re
from typing import NamedTuple

from portico_ldap.protocol.ber import boolean, element, octets

AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROXIMATE, EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
DEEPEST = 20
LONGEST = 4096

_OID = r"[0-9]+(?:\.[0-9]+)*"
_ATTRIBUTE = rf"(?:[A-Za-z][A-Za-z0-9-]*|{_OID})(?:;[A-Za-z0-9-]+)*"
ATTRIBUTE = re.compile(_ATTRIBUTE)
_ITEM = re.compile(
    rf"(?P<name>{_ATTRIBUTE})?(?P<dn>:dn)?(?::(?P<rule>[A-Za-z][A-Za-z0-9-]*|{_OID}))?"
    r"(?P<how>:=|>=|<=|~=|=)(?P<value>[^()\x00]*)\Z"
)
_COMPARISONS = {">=": GREATER, "<=": LESS, "~=": APPROXIMATE}
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})?")
_JOINS = {"&": AND, "|": OR, "!": NOT}


class BadFilter(ValueError):
    """A filter that cannot be read; the text says why."""


def equals(attribute: str, value: str) -> bytes:
    """An attribute has this value, whatever characters are in it."""
    return element(EQUAL, octets(attribute), octets(value))


def both(*filters: bytes) -> bytes:
    """All of these hold."""
    return filters[0] if len(filters) == 1 else element(AND, *filters)


def read_filters(text: str) -> list[bytes]:
    """The filters that stand one after another in a text, `(a=b)(c=*)`; none in an empty one. Raises: BadFilter."""
    text = text.strip()
    if len(text) > LONGEST:
        raise BadFilter(f"a filter has at most {LONGEST} characters")
    found, at = [], 0
    while at < len(text):
        one = _read(text, at, 0)
        found.append(one.encoded)
        at = one.end
    return found


class _Read(NamedTuple):
    encoded: bytes
    end: int


def _read(text: str, at: int, depth: int) -> _Read:
    """The filter in parentheses that begins at `at`."""
    if depth > DEEPEST:
        raise BadFilter(f"a filter nests at most {DEEPEST} deep")
    if at >= len(text) or text[at] != "(":
        raise BadFilter("a filter stands in parentheses, such as (objectClass=person)")
    join = _JOINS.get(text[at + 1 : at + 2])
    if join is None:
        end = text.find(")", at)
        if end < 0:
            raise BadFilter("a parenthesis is not closed")
        return _Read(_item(text[at + 1 : end]), end + 1)
    parts: list[bytes] = []
    at += 2
    while at < len(text) and text[at] == "(":
        one = _read(text, at, depth + 1)
        parts.append(one.encoded)
        at = one.end
    if at >= len(text) or text[at] != ")":
        raise BadFilter("a parenthesis is not closed")
    if not parts or (join == NOT and len(parts) != 1):
        raise BadFilter("& and | join filters, ! turns one around")
    return _Read(element(join, *parts), at + 1)


def _item(text: str) -> bytes:
    found = _ITEM.match(text)
    if found is None:
        raise BadFilter("a filter looks like (attribute=value)")
    name, how, value = found["name"], found["how"], found["value"]
    if how == ":=":
        return _extensible(found)
    if name is None or found["dn"] or found["rule"]:
        raise BadFilter("a matching rule goes with :=")
    if how != "=":
        return element(_COMPARISONS[how], octets(name), octets(_value(value)))
    if value == "*":
        return octets(name, PRESENT)
    if "*" in value:
        return element(SUBSTRINGS, octets(name), _substrings(value.split("*")))
    return element(EQUAL, octets(name), octets(_value(value)))


def _substrings(pieces: list[str]) -> bytes:
    last = len(pieces) - 1
    tags = [0x80 if at == 0 else 0x82 if at == last else 0x81 for at in range(len(pieces))]
    parts = [octets(_value(one), tag) for one, tag in zip(pieces, tags, strict=True) if one]
    if not parts:
        raise BadFilter("asterisks alone: say (attribute=*)")
    return element(0x30, *parts)


def _extensible(found: re.Match[str]) -> bytes:
    name, rule = found["name"], found["rule"]
    if not name and not rule:
        raise BadFilter("an extensible match names an attribute or a rule")
    parts = [octets(text, tag) for text, tag in ((rule, 0x81), (name, 0x82)) if text]
    parts.append(octets(_value(found["value"]), 0x83))
    if found["dn"]:
        parts.append(b"\x84" + boolean(True)[1:])
    return element(EXTENSIBLE, *parts)


def _value(text: str) -> bytes:
    if any(not one[1] for one in _ESCAPE.finditer(text)):
        raise BadFilter("a backslash is followed by two hexadecimal digits")
    parts, at = [], 0
    for one in _ESCAPE.finditer(text):
        parts += [text[at : one.start()].encode(), bytes.fromhex(one[1])]
        at = one.end()
    return b"".join([*parts, text[at:].encode()])
