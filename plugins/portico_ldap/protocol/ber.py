"""BER as LDAP uses it: definite lengths, tags of one byte. Source: X.690, restricted by RFC 4511, 5.1."""

from collections.abc import Iterator

INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x02, 0x04, 0x0A, 0x30, 0x31
#: Of a length field; elements of 16 MiB and more are refused.
MAX_LENGTH_BYTES = 3
#: Message ids and result codes have at most four.
MAX_INTEGER_BYTES = 4


class ProtocolError(Exception):
    """The server sent data that is not valid LDAP, or too much of it."""


def element(tag: int, *parts: bytes) -> bytes:
    """Encode one element that contains these parts."""
    size = sum(map(len, parts))
    if size < 0x80:
        head = bytes((tag, size))
    else:
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        head = bytes((tag, 0x80 | len(length))) + length
    return b"".join((head, *parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Encode an INTEGER."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes | str, tag: int = OCTETS) -> bytes:
    """Encode an OCTET STRING; text as UTF-8."""
    return element(tag, value.encode() if isinstance(value, str) else value)


def boolean(value: bool) -> bytes:
    """Encode a BOOLEAN."""
    return element(0x01, b"\xff" if value else b"\x00")


def extent(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Return start and end of the body of the element at `start`; None if its head is incomplete.

    Raises: ProtocolError.
    """
    if len(data) < start + 2:
        return None
    if data[start] & 0x1F == 0x1F:
        raise ProtocolError("a tag has more than one byte")
    first = data[start + 1]
    if first < 0x80:
        return start + 2, start + 2 + first
    count = first & 0x7F
    if not 0 < count <= MAX_LENGTH_BYTES:
        raise ProtocolError("a length is indefinite or too long")
    begin = start + 2 + count
    if len(data) < begin:
        return None
    return begin, begin + int.from_bytes(data[start + 2 : begin], "big")


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and body of consecutive elements. Raises: ProtocolError."""
    at = 0
    while at < len(data):
        found = extent(data, at)
        if found is None or found[1] > len(data):
            raise ProtocolError("an element is incomplete")
        yield data[at], data[found[0] : found[1]]
        at = found[1]


def number(body: bytes) -> int:
    """Decode an INTEGER or ENUMERATED. Raises: ProtocolError."""
    if not 0 < len(body) <= MAX_INTEGER_BYTES:
        raise ProtocolError("an integer is empty or too large")
    return int.from_bytes(body, "big", signed=True)
