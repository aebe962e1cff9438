"""Search filters. The input of a user is encoded as bytes, never as filter text, so nothing has to be escaped.

Source: RFC 4515 for the text, RFC 4511, 4.5.1.7 for the bytes. Two things that the standard does not allow are read as
their writers mean them: blanks and line ends between parts, and the escapes of distinguished names (RFC 4514) in a value.
"""

import re
from typing import NamedTuple

from portico_ldap.protocol.ber import boolean, element, octets
from portico_ldap.protocol.distinguished_names import parts as parts_of_name

AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROXIMATE, EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
MAX_DEPTH = 20
MAX_FILTER_CHARS = 4096

_OID = r"[0-9]+(?:\.[0-9]+)*"
#: The standard has no underscores; some servers have.
_ATTRIBUTE = rf"(?:[A-Za-z][A-Za-z0-9_-]*|{_OID})(?:;[A-Za-z0-9-]+)*"
ATTRIBUTE = re.compile(_ATTRIBUTE)
_ITEM = re.compile(
    rf"(?P<name>{_ATTRIBUTE})?(?P<dn>:dn)?(?::(?P<rule>[A-Za-z][A-Za-z0-9-]*|{_OID}))?\s*"
    r"(?P<how>:=|>=|<=|~=|=)(?P<value>[^()\x00]*)\Z"
)
_COMPARISONS = {">=": GREATER, "<=": LESS, "~=": APPROXIMATE}
#: Two hexadecimal digits (RFC 4515), or a character that has a meaning in distinguished names (RFC 4514).
_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{2})|([ \"#+,;<=>\\])|)")
_BLANKS = re.compile(r"\s*")
_OPERATORS = {"&": AND, "|": OR, "!": NOT}


class BadFilter(ValueError):
    """A filter is not valid; the message says why."""


def equals(attribute: str, value: str) -> bytes:
    """Return the filter for an attribute with exactly this value."""
    return element(EQUAL, octets(attribute), octets(value))


def both(*filters: bytes) -> bytes:
    """Return the filter that requires all of these."""
    return filters[0] if len(filters) == 1 else element(AND, *filters)


def read_filters(text: str) -> list[bytes]:
    """Parse consecutive filters such as `(a=b)(c=*)`; none for an empty text. Raises: BadFilter."""
    text = text.strip()
    if len(text) > MAX_FILTER_CHARS:
        raise BadFilter(f"a filter has at most {MAX_FILTER_CHARS} characters")
    found, at = [], 0
    while at < len(text):
        one = _read(text, at, 0)
        found.append(one.encoded)
        at = _skip_blanks(text, one.end)
    return found


class _ParsedFilter(NamedTuple):
    encoded: bytes
    end: int


def _read(text: str, at: int, depth: int) -> _ParsedFilter:
    """Parse the filter in parentheses that begins at `at`."""
    if depth > MAX_DEPTH:
        raise BadFilter(f"a filter nests at most {MAX_DEPTH} deep")
    if at >= len(text) or text[at] != "(":
        raise BadFilter("a filter is enclosed in parentheses, such as (objectClass=person)")
    at = _skip_blanks(text, at + 1)
    operator = _OPERATORS.get(text[at : at + 1])
    if operator is None:
        end = text.find(")", at)
        if end < 0:
            raise BadFilter("a parenthesis is not closed")
        return _ParsedFilter(_item(text[at:end]), end + 1)
    parts: list[bytes] = []
    at = _skip_blanks(text, at + 1)
    while at < len(text) and text[at] == "(":
        one = _read(text, at, depth + 1)
        parts.append(one.encoded)
        at = _skip_blanks(text, one.end)
    if at >= len(text) or text[at] != ")":
        raise BadFilter("a parenthesis is not closed")
    if not parts or (operator == NOT and len(parts) != 1):
        raise BadFilter("& and | combine filters, ! negates one filter")
    return _ParsedFilter(element(operator, *parts), at + 1)


def _skip_blanks(text: str, at: int) -> int:
    """Return the position of the next character that is no blank. In a value, blanks are part of it."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _item(text: str) -> bytes:
    found = _ITEM.match(text)
    if found is None:
        raise BadFilter("a filter looks like (attribute=value)")
    name, how, value = found["name"], found["how"], _stripped(found["value"])
    if how == ":=":
        return _extensible(found)
    if name is None or found["dn"] or found["rule"]:
        raise BadFilter("a matching rule needs :=")
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
        raise BadFilter("a value of asterisks only is not valid; write (attribute=*)")
    return element(0x30, *parts)


def _extensible(found: re.Match[str]) -> bytes:
    name, rule = found["name"], found["rule"]
    if not name and not rule:
        raise BadFilter("an extensible match needs an attribute or a matching rule")
    parts = [octets(text, tag) for text, tag in ((rule, 0x81), (name, 0x82)) if text]
    parts.append(octets(_value(_stripped(found["value"])), 0x83))
    if found["dn"]:
        parts.append(b"\x84" + boolean(True)[1:])
    return element(EXTENSIBLE, *parts)


def _stripped(value: str) -> str:
    """Return a value without the blanks around it, which no comparison of texts regards; one that is escaped remains."""
    stripped = value.strip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return f"{stripped} " if backslashes % 2 and len(stripped) < len(value.lstrip()) else stripped


def _value(text: str) -> bytes:
    r"""Return the bytes of a value. In a distinguished name, its own escapes are left for the server to read.

    So `cn=a\,b` is sent with its backslash, and `cn=a\2Cb` too, whose comma would otherwise begin another part.
    """
    if "\\" not in text:
        return text.encode()
    is_name = parts_of_name(text) is not None
    value = _unescaped(text, keeps_escapes_of_names=is_name)
    is_changed = is_name and parts_of_name(value.decode("utf-8", "replace")) is None
    return text.encode() if is_changed else value


def _unescaped(text: str, *, keeps_escapes_of_names: bool) -> bytes:
    pieces, at = [], 0
    for one in _ESCAPE.finditer(text):
        digits, char = one[1], one[2]
        if not digits and not char:
            raise BadFilter("a backslash must be followed by two hexadecimal digits")
        escaped = bytes.fromhex(digits) if digits else char.encode()
        if char and keeps_escapes_of_names:
            escaped = b"\\" + escaped
        pieces += [text[at : one.start()].encode(), escaped]
        at = one.end()
    return b"".join([*pieces, text[at:].encode()])
