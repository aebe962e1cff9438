"""Encode LDAP requests and decode responses. Source: RFC 4511, 4.2 to 4.5 and 4.14."""

from typing import NamedTuple

from portico_ldap.protocol.ber import (
    ENUMERATED,
    INTEGER,
    OCTETS,
    SEQUENCE,
    SET,
    ProtocolError,
    boolean,
    element,
    elements,
    integer,
    number,
    octets,
)

BIND_REQUEST, BIND_RESPONSE, UNBIND_REQUEST = 0x60, 0x61, 0x42
SEARCH_REQUEST, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE = 0x63, 0x64, 0x65, 0x73
EXTENDED_REQUEST, EXTENDED_RESPONSE = 0x77, 0x78
START_TLS = b"1.3.6.1.4.1.1466.20037"

SUCCESS, SIZE_LIMIT_EXCEEDED, NO_SUCH_OBJECT, INVALID_CREDENTIALS = 0, 4, 32, 49
WHOLE_SUBTREE, NEVER_ALIASES = 2, 0


class LDAPMessage(NamedTuple):
    """A message of the server: the id of its request, its type, and its elements."""

    id: int
    kind: int
    parts: list[tuple[int, bytes]]


class Result(NamedTuple):
    """The result of a request. `diagnostic`: the server's message, for the log only."""

    code: int
    diagnostic: str

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.code == SUCCESS


class SearchEntry(NamedTuple):
    """An entry: its distinguished name, and its attributes by lower-case name without options."""

    dn: str
    attributes: dict[str, list[bytes]]


def bind(message_id: int, dn: str, password: str) -> bytes:
    """Encode a simple bind; both empty = anonymous. A name without a password would be an anonymous bind that succeeds.

    Raises: ValueError.
    """
    if bool(dn) != bool(password):
        raise ValueError("a bind needs both a name and a password, or neither")
    credentials = octets(password, 0x80)
    return _message(message_id, element(BIND_REQUEST, integer(3), octets(dn), credentials))


def search(
    message_id: int, base: str, search_filter: bytes, names: list[str], *, limit: int, seconds: int
) -> bytes:
    """Encode a search of the whole tree below `base`. `limit`: entries; `seconds`: time limit of the server."""
    request = element(
        SEARCH_REQUEST,
        octets(base),
        integer(WHOLE_SUBTREE, ENUMERATED),
        integer(NEVER_ALIASES, ENUMERATED),
        integer(limit),
        integer(seconds),
        boolean(False),
        search_filter,
        element(SEQUENCE, *map(octets, names)),
    )
    return _message(message_id, request)


def start_tls(message_id: int) -> bytes:
    """Encode a StartTLS request."""
    return _message(message_id, element(EXTENDED_REQUEST, octets(START_TLS, 0x80)))


def unbind(message_id: int) -> bytes:
    """Encode an unbind request."""
    return _message(message_id, element(UNBIND_REQUEST))


def read_message(body: bytes) -> LDAPMessage:
    """Decode the body of the outermost SEQUENCE. Raises: ProtocolError."""
    parts = list(elements(body))
    if len(parts) < 2 or parts[0][0] != INTEGER:
        raise ProtocolError("a message has no id or no operation")
    kind, operation = parts[1]
    return LDAPMessage(number(parts[0][1]), kind, list(elements(operation)))


def read_result(message: LDAPMessage) -> Result:
    """Decode the result of a response. Raises: ProtocolError."""
    tags = [tag for tag, _ in message.parts[:3]]
    if tags != [ENUMERATED, OCTETS, OCTETS]:
        raise ProtocolError("a response has no result")
    diagnostic = message.parts[2][1].decode("utf-8", "replace")
    return Result(number(message.parts[0][1]), diagnostic)


def read_entry(message: LDAPMessage) -> SearchEntry:
    """Decode one entry. Raises: ProtocolError."""
    if [tag for tag, _ in message.parts] != [OCTETS, SEQUENCE]:
        raise ProtocolError("an entry has no name or no attributes")
    attributes: dict[str, list[bytes]] = {}
    for tag, pair in elements(message.parts[1][1]):
        parts = list(elements(pair))
        if tag != SEQUENCE or [one for one, _ in parts] != [OCTETS, SET]:
            raise ProtocolError("an attribute has no name or no values")
        name = parts[0][1].decode("ascii", "replace").lower().partition(";")[0]
        attributes.setdefault(name, []).extend(value for _, value in elements(parts[1][1]))
    try:
        return SearchEntry(message.parts[0][1].decode(), attributes)
    except UnicodeDecodeError:
        raise ProtocolError("a distinguished name is not UTF-8") from None


def _message(message_id: int, operation: bytes) -> bytes:
    return element(SEQUENCE, integer(message_id), operation)
