"""Distinguished names: taking them apart. Source: RFC 4514, 3, and the blanks that older directories leave in."""

import re

from portico_ldap.protocol.ber import ProtocolError, elements

_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)\s*=\s*")
_PIECE = re.compile(r"\\(?P<hex>[0-9A-Fa-f]{2})|\\(?P<char>[ \"#+,;<=>\\])|(?P<plain>[^\\,+;\x00])")
COMMON_NAME = frozenset(("cn", "commonname", "2.5.4.3"))

#: One part of a name: pairs of type and value.
Part = list[tuple[str, str]]


def parts(dn: str) -> list[Part] | None:
    """The parts of a name, the nearest first, types in lower case; None for what is no name."""
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
    """The `cn` by which a name begins, such as that of a group; None if it begins by none."""
    found = parts(dn)
    for kind, value in sorted(found[0]) if found else ():
        if kind in COMMON_NAME and value:
            return value
    return None


def normalize_dn(dn: str) -> str:
    """The same for two ways of writing one name; what is no name is left as it is."""
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
    """The value that begins at `at`, and where it ends: at a separator or the end."""
    if dn.startswith("#", at):
        found = re.compile(r"#((?:[0-9A-Fa-f]{2})+)\s*").match(dn, at)
        text = _of_hex(found[1]) if found else None
        return None if found is None or text is None else (text, found.end())
    value, solid = bytearray(), 0
    while at < len(dn) and dn[at] not in ",+;":
        piece = _PIECE.match(dn, at)
        if piece is None:
            return None
        value += (
            bytes.fromhex(piece["hex"])
            if piece["hex"]
            else (piece["char"] or piece["plain"]).encode()
        )
        if piece["plain"] != " ":
            solid = len(value)  # blanks at the end are not part of it, unless escaped
        at = piece.end()
    try:
        return value[:solid].decode(), at
    except UnicodeDecodeError:
        return None


def _of_hex(digits: str) -> str | None:
    try:
        ((_, body),) = elements(bytes.fromhex(digits))
        return body.decode()
    except (ProtocolError, ValueError):
        return None


def _escaped(value: str) -> str:
    return re.sub(r"([\\,+=])", r"\\\1", value)
