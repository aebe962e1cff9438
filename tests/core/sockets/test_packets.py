"""Packets of Socket.IO: what is read and written, and that any other text is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portico.sockets.packets import (
    MalformedPacket,
    Packet,
    PacketType,
    ack_packet,
    connect_error_packet,
    connect_packet,
    event_packet,
    first_argument,
    parse_packet,
)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(PacketType.CONNECT, "/", None, "")),
        ('0{"token":"x"}', Packet(PacketType.CONNECT, "/", None, '{"token":"x"}')),
        ('0/admin,{"a":1}', Packet(PacketType.CONNECT, "/admin", None, '{"a":1}')),
        ("1", Packet(PacketType.DISCONNECT, "/", None, "")),
        ('2["a"]', Packet(PacketType.EVENT, "/", None, '["a"]')),
        ('212["a","/b,c"]', Packet(PacketType.EVENT, "/", 12, '["a","/b,c"]')),
        ("30[1]", Packet(PacketType.ACK, "/", 0, "[1]")),
        ("3/x,7[]", Packet(PacketType.ACK, "/x", 7, "[]")),
    ],
)
def test_packet_is_split(text: str, packet: Packet) -> None:
    assert parse_packet(text) == packet


@pytest.mark.parametrize("text", ["", "5", "51-[]", "x", "2" + "1" * 16, "²"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedPacket):
        parse_packet(text)


def test_digits_of_other_scripts_are_no_id() -> None:
    assert parse_packet("2١[]").ack_id is None


@given(some.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        packet = parse_packet(text)
    except MalformedPacket:
        return
    assert packet.data == "" or text.endswith(packet.data)


@given(
    some.text(),
    some.none() | some.integers(0, 10**15 - 1),
    some.recursive(
        some.none() | some.booleans() | some.text() | some.integers(-(2**53), 2**53),
        lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
        max_leaves=5,
    ),
)
def test_event_is_read_as_it_was_written(name: str, ack_id: int | None, data: object) -> None:
    packet = parse_packet(event_packet(name, data, ack_id))
    assert (packet.type, packet.ack_id) == (PacketType.EVENT, ack_id)
    assert json.loads(packet.data) == [name, data]


def test_packets_of_the_server_are_those_of_the_protocol() -> None:
    assert connect_packet("a") == '0{"sid":"a"}'
    assert connect_error_packet("no") == '4{"message":"no"}'
    assert connect_error_packet("no", "/admin") == '4/admin,{"message":"no"}'
    assert ack_packet(5) == "35[]"
    assert ack_packet(0, {"a": "ü"}, 1) == '30[{"a":"ü"},1]'


def test_first_argument_of_an_acknowledgement_is_read() -> None:
    assert bytes(first_argument('[{"a":1},2]')) == b'{"a":1}'
    assert bytes(first_argument("[]")) == b"null"
    for text in ("", "{}", "[" * 5000, "[1"):
        with pytest.raises(MalformedPacket):
            first_argument(text)
