"""The events of Anthropic's streams, each encoded once."""

from typing import Any

import msgspec


class TextDelta(msgspec.Struct, tag_field="type", tag="text_delta"):
    """More text of a block."""

    text: str


class ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta"):
    """More thoughts of a block."""

    thinking: str


class InputDelta(msgspec.Struct, tag_field="type", tag="input_json_delta"):
    """More of the arguments of a call."""

    partial_json: str


class SignatureDelta(msgspec.Struct, tag_field="type", tag="signature_delta"):
    """The signature of thoughts, which is empty: they are not read again."""

    signature: str = ""


class MessageStart(msgspec.Struct, tag_field="type", tag="message_start"):
    """The message, without content."""

    message: dict[str, Any]


class BlockStart(msgspec.Struct, tag_field="type", tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: dict[str, Any]


class BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta"):
    """More of a block."""

    index: int
    delta: TextDelta | ThinkingDelta | InputDelta | SignatureDelta


class BlockStop(msgspec.Struct, tag_field="type", tag="content_block_stop"):
    """A block is complete."""

    index: int


class MessageDelta(msgspec.Struct, tag_field="type", tag="message_delta"):
    """Why the message ended."""

    delta: dict[str, Any]
    usage: dict[str, Any]


class MessageStop(msgspec.Struct, tag_field="type", tag="message_stop"):
    """The end of the stream."""


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Means nothing."""


Event = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping


def encoded(event: Event) -> bytes:
    """Return an event as it is sent."""
    name = str(event.__struct_config__.tag).encode()
    return b"event: %b\ndata: %b\n\n" % (name, msgspec.json.encode(event))
