"""BER as LDAP uses it: definite lengths, tags of one byte. Source: X.690, restricted by RFC 4511, 5.1."""

from collections.abc import Iterator

INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x02, 0x04, 0x0A, 0x30, 0x31
#: Bytes of the largest length field that is read: 16 MiB and more no directory sends us.
LENGTH_BYTES = 3
#: Bytes of the largest number: message ids and result codes have at most four.
NUMBER_BYTES = 4


class ProtocolError(Exception):
    """What the directory sent is not LDAP, or more of it than anybody needs."""


def element(tag: int, *parts: bytes) -> bytes:
    """One element around these parts."""
    size = sum(map(len, parts))
    if size < 0x80:
        head = bytes((tag, size))
    else:
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        head = bytes((tag, 0x80 | len(length))) + length
    return b"".join((head, *parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A number."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes | str, tag: int = OCTETS) -> bytes:
    """Bytes, or a text as UTF-8."""
    return element(tag, value.encode() if isinstance(value, str) else value)


def boolean(value: bool) -> bytes:
    """Yes or no."""
    return element(0x01, b"\xff" if value else b"\x00")


def extent(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Where the body of the element at `start` begins and ends; None = its head is not there yet.

    Raises: Garbled.
    """
    if len(data) < start + 2:
        return None
    if data[start] & 0x1F == 0x1F:
        raise ProtocolError("a tag of more than one byte")
    first = data[start + 1]
    if first < 0x80:
        return start + 2, start + 2 + first
    count = first & 0x7F
    if not 0 < count <= LENGTH_BYTES:
        raise ProtocolError("a length that is indefinite or too long")
    begin = start + 2 + count
    if len(data) < begin:
        return None
    return begin, begin + int.from_bytes(data[start + 2 : begin], "big")


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements that stand one after another: tag and body of each. Raises: Garbled."""
    at = 0
    while at < len(data):
        found = extent(data, at)
        if found is None or found[1] > len(data):
            raise ProtocolError("an element that is cut off")
        yield data[at], data[found[0] : found[1]]
        at = found[1]


def number(body: bytes) -> int:
    """The value of an INTEGER or ENUMERATED. Raises: Garbled."""
    if not 0 < len(body) <= NUMBER_BYTES:
        raise ProtocolError("a number that is empty or too large")
    return int.from_bytes(body, "big", signed=True)
