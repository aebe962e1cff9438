"""Where the text is in the answers of OpenAI's responses and Anthropic's messages. Without I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.gateway.choice_text import ChoiceText

#: Events of responses that end a stream, with the whole response.
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
_TEXT: Final = "output_text"
#: Parts of one item have places below this.
_MAX_PARTS: Final = 1 << 16


class _TextPart(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None


class _MessageEvent(msgspec.Struct, gc=False):
    type: Any = None
    index: int = 0
    delta: _TextPart | None = None


class _TextBlocks(msgspec.Struct, gc=False):
    content: list[_TextPart] | None = None


class MessagesText:
    """The text of messages: `delta.text` of events, `content[].text` if not streamed. Each text block is edited alone."""

    repeats = False

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_MessageEvent)

    def read(self, data: bytes) -> Sequence[ChoiceText]:
        """Return the text in one event (part of `TextCodec`)."""
        try:
            event = self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        if event.type == "content_block_stop":
            return [ChoiceText(event.index, "", is_end=True)]
        delta = event.delta
        if delta is None or delta.type != "text_delta" or not isinstance(delta.text, str):
            return ()
        return [ChoiceText(event.index, delta.text)]

    def write(self, data: bytes, texts: Mapping[int, str]) -> bytes:
        """Return an event with another text (part of `TextCodec`)."""
        event = msgspec.json.decode(data)
        event["delta"]["text"] = texts[event.get("index", 0)]
        return msgspec.json.encode(event)

    def more(self, data: bytes, index: int, text: str) -> bytes:
        """Return one more event (part of `TextCodec`)."""
        delta = {"type": "text_delta", "text": text}
        return msgspec.json.encode({"type": "content_block_delta", "index": index, "delta": delta})

    def read_whole(self, body: bytes) -> Sequence[ChoiceText]:
        """Return the texts of a message (part of `TextCodec`)."""
        try:
            blocks = msgspec.json.decode(body, type=_TextBlocks).content or ()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        return [
            ChoiceText(index, block.text, is_last=True)
            for index, block in enumerate(blocks)
            if block.type == "text" and isinstance(block.text, str)
        ]

    def write_whole(self, body: bytes, texts: Mapping[int, str]) -> bytes:
        """Return a message with other texts (part of `TextCodec`)."""
        message = msgspec.json.decode(body)
        for index, text in texts.items():
            message["content"][index]["text"] = text
        return msgspec.json.encode(message)


class _TextItem(msgspec.Struct, gc=False):
    content: list[_TextPart] | None = None


class _TextItems(msgspec.Struct, gc=False):
    output: list[_TextItem] | None = None


class _ResponseEvent(msgspec.Struct, gc=False):
    type: Any = None
    output_index: int = 0
    content_index: int = 0
    delta: Any = None
    text: Any = None
    part: _TextPart | None = None
    item: _TextItem | None = None
    response: _TextItems | None = None


class ResponsesText:
    """The text of responses: deltas of output texts, and the events that repeat these texts."""

    repeats = True

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_ResponseEvent)

    def read(self, data: bytes) -> Sequence[ChoiceText]:
        """Return the text in one event (part of `TextCodec`)."""
        try:
            event = self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        place = _place(event.output_index, event.content_index)
        match event.type:
            case "response.output_text.delta" if isinstance(event.delta, str):
                return [ChoiceText(place, event.delta)]
            case "response.output_text.done" if isinstance(event.text, str):
                return [ChoiceText(place, event.text, is_end=True, is_repeat=True)]
            case "response.content_part.done" if event.part is not None:
                return _repeats(event.output_index, [event.part], event.content_index)
            case "response.output_item.done" if event.item is not None:
                return _repeats(event.output_index, event.item.content or ())
            case kind if kind in _ENDS and event.response is not None:
                items = enumerate(event.response.output or ())
                return [one for n, item in items for one in _repeats(n, item.content or ())]
        return ()

    def write(self, data: bytes, texts: Mapping[int, str]) -> bytes:
        """Return an event with other texts (part of `TextCodec`)."""
        event = msgspec.json.decode(data)
        output_index = event.get("output_index", 0)
        place = _place(output_index, event.get("content_index", 0))
        match event["type"]:
            case "response.output_text.delta":
                event["delta"] = texts[place]
            case "response.output_text.done":
                event["text"] = texts[place]
            case "response.content_part.done":
                event["part"]["text"] = texts[place]
            case "response.output_item.done":
                _set_texts(event["item"], output_index, texts)
            case _:
                for number, item in enumerate(event["response"]["output"]):
                    _set_texts(item, number, texts)
        return msgspec.json.encode(event)

    def more(self, data: bytes, index: int, text: str) -> bytes:
        """Return one more event (part of `TextCodec`). Its number is that of the last one with text."""
        event = msgspec.json.decode(data) if data else {"item_id": "", "sequence_number": 0}
        event |= {"type": "response.output_text.delta", "delta": text, "logprobs": []}
        event |= {"output_index": index // _MAX_PARTS, "content_index": index % _MAX_PARTS}
        return msgspec.json.encode(event)

    def read_whole(self, body: bytes) -> Sequence[ChoiceText]:
        """Return the texts of a response (part of `TextCodec`)."""
        try:
            items = msgspec.json.decode(body, type=_TextItems).output or ()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        return [
            ChoiceText(one.choice, one.text, is_last=True)
            for number, item in enumerate(items)
            for one in _repeats(number, item.content or ())
        ]

    def write_whole(self, body: bytes, texts: Mapping[int, str]) -> bytes:
        """Return a response with other texts (part of `TextCodec`)."""
        response = msgspec.json.decode(body)
        for number, item in enumerate(response["output"]):
            _set_texts(item, number, texts)
        return msgspec.json.encode(response)


def _place(output_index: int, content_index: int) -> int:
    return output_index * _MAX_PARTS + content_index


def _repeats(output_index: int, parts: Sequence[_TextPart], first: int = 0) -> list[ChoiceText]:
    return [
        ChoiceText(_place(output_index, number), part.text, is_repeat=True)
        for number, part in enumerate(parts, first)
        if part.type == _TEXT and isinstance(part.text, str)
    ]


def _set_texts(item: dict[str, Any], output_index: int, texts: Mapping[int, str]) -> None:
    for number, part in enumerate(item.get("content") or ()):
        text = texts.get(_place(output_index, number))
        if text is not None:
            part["text"] = text
