"""Where the text is in the answers to each kind of call. Without I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from portico.catalogue import Operation
from portico.gateway.choice_text import ChoiceText
from portico.gateway.typed_event_codecs import MessagesText, ResponsesText


class TextCodec(Protocol):
    """Reads and replaces the text in the answers to one kind of call. `repeats`: some events repeat whole texts."""

    repeats: bool

    def read(self, data: bytes) -> Sequence[ChoiceText]:
        """Return the text in the data of one event; nothing if there is none, or if it cannot be read."""
        ...

    def write(self, data: bytes, texts: Mapping[int, str]) -> bytes:
        """Return the data with other texts, by the index of their choice. Called with some of those that `read` returned."""
        ...

    def more(self, data: bytes, index: int, text: str) -> bytes:
        """Return the data of one more event with text of a choice. `data`: of the last event with text; may be empty."""
        ...

    def read_whole(self, body: bytes) -> Sequence[ChoiceText]:
        """Return the texts of an answer that is not streamed."""
        ...

    def write_whole(self, body: bytes, texts: Mapping[int, str]) -> bytes:
        """Return an answer that is not streamed with other texts."""
        ...


class _TextMessage(msgspec.Struct, gc=False):
    content: Any = None


class _TextChoice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _TextMessage | None = None
    message: _TextMessage | None = None
    finish_reason: Any = None


class _TextAnswer(msgspec.Struct, gc=False):
    choices: list[_TextChoice] | None = None


_ANSWERS: Final = msgspec.json.Decoder(_TextAnswer)


class ChatText:
    """The text of chat completions: `choices[].delta.content`, and `choices[].message.content` if not streamed."""

    repeats = False

    def read(self, data: bytes) -> Sequence[ChoiceText]:
        """Return the text in one chunk (part of `TextCodec`)."""
        try:
            choices = _ANSWERS.decode(data).choices or ()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        return [
            _choice_text(choice, place, choice.delta, is_last=choice.finish_reason is not None)
            for place, choice in enumerate(choices)
        ]

    def write(self, data: bytes, texts: Mapping[int, str]) -> bytes:
        """Return a chunk with other texts (part of `TextCodec`)."""
        return _with_texts(data, texts, "delta")

    def more(self, data: bytes, index: int, text: str) -> bytes:
        """Return one more chunk (part of `TextCodec`)."""
        chunk = msgspec.json.decode(data) if data else {"object": "chat.completion.chunk"}
        chunk.pop("usage", None)
        chunk["choices"] = [{"index": index, "delta": {"content": text}, "finish_reason": None}]
        return msgspec.json.encode(chunk)

    def read_whole(self, body: bytes) -> Sequence[ChoiceText]:
        """Return the texts of a completion (part of `TextCodec`)."""
        try:
            choices = _ANSWERS.decode(body).choices or ()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        return [
            _choice_text(choice, place, choice.message, is_last=True)
            for place, choice in enumerate(choices)
        ]

    def write_whole(self, body: bytes, texts: Mapping[int, str]) -> bytes:
        """Return a completion with other texts (part of `TextCodec`)."""
        return _with_texts(body, texts, "message")


class NoText:
    """Answers without text, such as embeddings."""

    repeats = False

    def read(self, data: bytes) -> Sequence[ChoiceText]:
        """Return nothing (part of `TextCodec`)."""
        return ()

    def write(self, data: bytes, texts: Mapping[int, str]) -> bytes:
        """Return the data as they are (part of `TextCodec`)."""
        return data

    def more(self, data: bytes, index: int, text: str) -> bytes:
        """Return nothing (part of `TextCodec`)."""
        return b""

    read_whole = read
    write_whole = write


def text_codec(operation: Operation) -> TextCodec:
    """Return the codec for the answers to one kind of call."""
    match operation:
        case "chat":
            return ChatText()
        case "responses":
            return ResponsesText()
        case "messages":
            return MessagesText()
    return NoText()


def _choice_text(
    choice: _TextChoice, place: int, message: _TextMessage | None, *, is_last: bool
) -> ChoiceText:
    index = place if choice.index is None else choice.index
    text = message.content if message and isinstance(message.content, str) else ""
    return ChoiceText(index, text, is_last, is_first=index == 0)


def _with_texts(data: bytes, texts: Mapping[int, str], key: str) -> bytes:
    answer = msgspec.json.decode(data)
    for place, choice in enumerate(answer["choices"]):
        index = choice.get("index")
        new = texts.get(place if index is None else index)
        if new is not None:
            choice[key] = {**(choice.get(key) or {}), "content": new}
    return msgspec.json.encode(answer)
