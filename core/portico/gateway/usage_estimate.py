"""Estimates tokens from the sizes of texts, for sources that report no usage. Text is not decoded."""

from collections.abc import Iterator
from typing import Final

import msgspec

from portico.catalogue import SourceRequest

#: Bytes of a token on average. English has about four letters, other scripts fewer letters of more bytes.
BYTES_PER_TOKEN: Final = 4
#: The keys of requests that have text for the model: of chats, responses, messages and embeddings.
_INPUT_KEYS: Final = frozenset(("messages", "input", "prompt", "system", "instructions", "tools"))
#: Images are counted apart: their size says nothing about their tokens.
_DATA_URL: Final = b'"data:'
_IMAGE_TOKENS: Final = 800
#: Keys of a message whose values are not text.
_NO_TEXT_KEYS: Final = ("role", "type", "id")
_SAMPLED_EVENTS: Final = 2
_NOTHING: Final = msgspec.Raw(b"")


class _SizedChoice(msgspec.Struct, gc=False):
    delta: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING
    text: msgspec.Raw = _NOTHING


class _SizedAnswer(msgspec.Struct, gc=False):
    choices: list[_SizedChoice] | None = None
    delta: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING
    output: msgspec.Raw = _NOTHING
    content: msgspec.Raw = _NOTHING


def estimated_stream(size: int, events: int, sample: bytes) -> int:
    """Return the estimated tokens of a stream. `size`: its bytes. `sample`: one of its blocks with text."""
    frames = []
    for event in sample.split(b"\n\n", _SAMPLED_EVENTS)[:_SAMPLED_EVENTS]:
        begin, end = event.find(b"{"), event.rfind(b"}") + 1
        if begin >= 0 and (text := _text_bytes(event[begin:end])):
            frames.append(len(event) + len(b"\n\n") - text)
    frame = sum(frames) // len(frames) if frames else 0
    return _tokens(size - frame * events)


def estimated_output(body: bytes) -> int:
    """Return the estimated tokens of an answer that is not streamed."""
    return _tokens(_text_bytes(body))


def estimated_input(request: SourceRequest) -> int:
    """Return the estimated tokens of a request."""
    tokens = 0
    for key in _INPUT_KEYS & request.body.keys():
        text = bytes(request.body[key])
        size = len(text)
        for length in _data_urls(text):
            size -= length
            tokens += _IMAGE_TOKENS
        tokens += _tokens(size)
    return tokens


def _data_urls(text: bytes) -> Iterator[int]:
    """Yield the length of each file that is part of a text."""
    begin = text.find(_DATA_URL)
    while begin >= 0:
        end = text.find(b'"', begin + len(_DATA_URL))
        if end < 0:
            return
        yield end - begin
        begin = text.find(_DATA_URL, end)


def _text_bytes(document: bytes) -> int:
    """Return the bytes of the texts in an answer or in a piece of one."""
    try:
        answer = msgspec.json.decode(document, type=_SizedAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0
    parts: list[msgspec.Raw] = [answer.delta, answer.message, answer.output, answer.content]
    for choice in answer.choices or ():
        parts += (choice.delta, choice.message, choice.text)
    return sum(_size(part) for part in parts if part is not _NOTHING)


def _size(part: msgspec.Raw) -> int:
    """Return the bytes of a text, or of the texts in a message."""
    text = bytes(part)
    if not text.startswith(b"{"):
        return max(len(text) - 2, 0)
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    texts = [bytes(value) for name, value in fields.items() if name not in _NO_TEXT_KEYS]
    return sum(len(one) - 2 for one in texts if one.startswith((b'"', b"[", b"{")))


def _tokens(size: int) -> int:
    return max(0, -(-size // BYTES_PER_TOKEN))
