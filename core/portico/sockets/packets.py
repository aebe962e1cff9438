"""Packets of the default namespace of Socket.IO as texts. Source: the Socket.IO protocol, revision 5.

What a client sends is split into the type, the id of the acknowledgement and JSON, which stays text. Packets with binary
attachments are not accepted: no event of ours has any.
"""

import re
from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgspec

#: The type, a namespace other than `/`, the id of an acknowledgement, and JSON. Clients count their ids up from 0.
_PACKET: Final = re.compile(r"([0-4])(?:(/[^,]*),)?([0-9]{0,15})(?![0-9])(.*)", re.DOTALL)
NULL: Final = msgspec.Raw(b"null")
#: Reads the arguments of an event, the first of which is its name, or of an acknowledgement.
ARGUMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class PacketType(IntEnum):
    """The types of packets, without those with binary attachments."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4


class MalformedPacket(Exception):
    """A text is not a packet of Socket.IO."""


class Packet(NamedTuple):
    """One packet of a client. `ack_id`: where it wants an answer, or answers; `data`: JSON text, may be empty.

    `traceparent`: of the request that brought it; empty = it has no trace, or came by web socket.
    """

    type: PacketType
    namespace: str
    ack_id: int | None
    data: str
    traceparent: str = ""


def parse_packet(text: str) -> Packet:
    """Split a packet. Raises: MalformedPacket."""
    found = _PACKET.fullmatch(text)
    if found is None:
        raise MalformedPacket
    kind, namespace, ack_id, data = found.groups()
    return Packet(PacketType(int(kind)), namespace or "/", int(ack_id) if ack_id else None, data)


def first_argument(text: str) -> msgspec.Raw:
    """Return the first argument of an acknowledgement; null if it has none. Raises: MalformedPacket."""
    try:
        arguments = ARGUMENTS.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise MalformedPacket from None
    return arguments[0] if arguments else NULL


def connect_packet(socket_id: str) -> str:
    """Return the packet that tells a client that it is connected, and the id of its socket."""
    return _packet(PacketType.CONNECT, {"sid": socket_id})


def connect_error_packet(message: str, namespace: str = "/") -> str:
    """Return the packet that refuses a connection."""
    where = "" if namespace == "/" else f"{namespace},"
    return _packet(PacketType.CONNECT_ERROR, {"message": message}, where)


def event_packet(name: str, data: Any, ack_id: int | None = None) -> str:
    """Return an event with one argument. Raises: what msgspec raises for a value without a JSON form."""
    return _packet(PacketType.EVENT, [name, data], "" if ack_id is None else str(ack_id))


def ack_packet(ack_id: int, *arguments: Any) -> str:
    """Return the acknowledgement of an event. Raises: as `event_packet`."""
    return _packet(PacketType.ACK, arguments, str(ack_id))


def _packet(kind: PacketType, data: Any, head: str = "") -> str:
    return f"{kind:d}{head}{msgspec.json.encode(data).decode()}"
