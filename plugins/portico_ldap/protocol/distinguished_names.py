"""Parse distinguished names. Source: RFC 4514, 3, and the spaces that older servers add."""

import re

from portico_ldap.protocol.ber import ProtocolError, elements

_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)\s*=\s*")
_CHARACTER = re.compile(
    r"\\(?P<hex>[0-9A-Fa-f]{2})|\\(?P<char>[ \"#+,;<=>\\])|(?P<plain>[^\\,+;\x00])"
)
_COMMON_NAME_TYPES = frozenset(("cn", "commonname", "2.5.4.3"))

#: One relative distinguished name: pairs of type and value.
Part = list[tuple[str, str]]


def parts(dn: str) -> list[Part] | None:
    """Return the parts of a name, the most specific first, types in lower case; None if the name is not valid."""
    found: list[Part] = [[]]
    at = 0
    while True:
        key = _KEY.match(dn, at)
        if key is None:
            return None
        read = _read_value(dn, key.end())
        if read is None:
            return None
        value, at = read
        found[-1].append((key[1].lower(), value))
        if at == len(dn):
            return found
        if dn[at] != "+":
            found.append([])
        at += 1


def common_name(dn: str) -> str | None:
    """Return the `cn` in the first part of a name, such as a group's; None if it has none."""
    found = parts(dn)
    for kind, value in sorted(found[0]) if found else ():
        if kind in _COMMON_NAME_TYPES and value:
            return value
    return None


def normalize_dn(dn: str) -> str:
    """Return the same text for all spellings of one name; a name that is not valid is returned as it is."""
    found = parts(dn)
    if found is None:
        return dn
    return ",".join(
        "+".join(
            sorted(f"{kind}={_escaped(' '.join(value.casefold().split()))}" for kind, value in part)
        )
        for part in found
    )


def _read_value(dn: str, at: int) -> tuple[str, int] | None:
    """Return the value that begins at `at`, and the position of the separator after it or of the end."""
    if dn.startswith("#", at):
        found = re.compile(r"#((?:[0-9A-Fa-f]{2})+)\s*").match(dn, at)
        text = _decode_hex(found[1]) if found else None
        return None if found is None or text is None else (text, found.end())
    value, trimmed_length = bytearray(), 0
    while at < len(dn) and dn[at] not in ",+;":
        character = _CHARACTER.match(dn, at)
        if character is None:
            return None
        value += (
            bytes.fromhex(character["hex"])
            if character["hex"]
            else (character["char"] or character["plain"]).encode()
        )
        if character["plain"] != " ":
            trimmed_length = len(value)  # spaces at the end are ignored unless escaped
        at = character.end()
    try:
        return value[:trimmed_length].decode(), at
    except UnicodeDecodeError:
        return None


def _decode_hex(digits: str) -> str | None:
    try:
        ((_, body),) = elements(bytes.fromhex(digits))
        return body.decode()
    except (ProtocolError, ValueError):
        return None


def _escaped(value: str) -> str:
    return re.sub(r"([\\,+=])", r"\\\1", value)
