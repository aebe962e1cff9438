"""Reads what a model source answers: the chunks of a stream, or one completion."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import msgspec

from portico.api.json import sanitize_json
from portico.api.models import EventSplitter, event_data
from portico_completions.replies.message_text import ToolCall

#: Characters of an error message in a stream.
MAX_ERROR_CHARS = 10_000
ERROR = "The model has reported an error."
DONE = b"[DONE]"
_MaybeRaw = msgspec.Raw | msgspec.UnsetType


class Delta(msgspec.Struct, gc=False):
    """The new part of a message, or a whole message."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    tool_calls: Any = None

    @property
    def text(self) -> str:
        """The text; also of a list of parts."""
        if isinstance(self.content, list):
            texts = [part.get("text") for part in self.content if isinstance(part, dict)]
            return "".join(text for text in texts if isinstance(text, str))
        return self.content if isinstance(self.content, str) else ""

    @property
    def thought(self) -> str:
        """The reasoning, under any of the names that providers use."""
        for value in (self.reasoning_content, self.reasoning, self.thinking):
            if isinstance(value, str) and value:
                return value
        return ""


class _ChunkChoice(msgspec.Struct, gc=False):
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None


class Chunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole completion. `usage`, `timings`, `sources`: as the provider sends them, see `is_given`.

    `done`: a key of our own events, which no provider may send.
    """

    choices: list[_ChunkChoice] | None = None
    usage: _MaybeRaw = msgspec.UNSET
    timings: _MaybeRaw = msgspec.UNSET
    sources: _MaybeRaw = msgspec.UNSET
    event: _MaybeRaw = msgspec.UNSET
    error: _MaybeRaw = msgspec.UNSET
    done: Any = None
    selected_model_id: Any = None

    @property
    def delta(self) -> Delta | None:
        """The delta or the message of the first choice that has one."""
        for choice in self.choices or ():
            if (found := choice.delta or choice.message) is not None:
                return found
        return None


def is_given(value: _MaybeRaw) -> TypeGuard[msgspec.Raw]:
    """Return whether a field of a chunk has a value."""
    return value is not msgspec.UNSET and bytes(value) != b"null"


def message_of(error: msgspec.Raw) -> str:
    """Return the text of an error in a stream: a text, or an object with a message."""
    try:
        found = msgspec.json.decode(error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if isinstance(found, Mapping):
        found = found.get("message")
    return found[:MAX_ERROR_CHARS] if isinstance(found, str) and found else ERROR


_CHUNKS = msgspec.json.Decoder(Chunk)


def read_chunk(payload: bytes) -> tuple[Chunk, bytes] | None:
    """Return a chunk and its JSON, without NUL and lone surrogates; None if it cannot be read."""
    if b"\\u" in payload:
        payload = bytes(sanitize_json(payload))
    try:
        return _CHUNKS.decode(payload), payload
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class EventReader:
    """Splits a stream of server-sent events into the data of each. Linear in the length of the stream."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the data of each event that is complete now."""
        for event in self._splitter.feed(block):
            if data := event_data(event):
                yield data

    def close(self) -> Iterator[bytes]:
        """Yield the data of the last event, if only its blank line is missing."""
        if data := event_data(self._splitter.close()):
            yield data


class ToolCalls:
    """Collects the calls of tools from the deltas of a stream."""

    #: Calls and characters that are collected: of an id or a name, and of all arguments.
    MAX_CALLS = 128
    MAX_NAME_CHARS = 1000
    MAX_CHARS = 1024 * 1024

    def __init__(self) -> None:
        self._calls: dict[float, tuple[list[str], list[str], list[str]]] = {}
        self._size = 0

    def add(self, deltas: Any) -> None:
        """Add the deltas of one chunk, as the provider sends them. What has another shape is left out."""
        for delta in deltas if isinstance(deltas, list) else ():
            if isinstance(delta, dict):
                self._add(delta)

    def _add(self, delta: Mapping[str, Any]) -> None:
        index = delta.get("index")
        if not isinstance(index, int | float):
            index = 0
        if index not in self._calls and len(self._calls) >= self.MAX_CALLS:
            return
        ids, names, arguments = self._calls.setdefault(index, ([], [], []))
        function = delta.get("function")
        if not isinstance(function, dict):
            function = {}
        for value, found in ((delta.get("id"), ids), (function.get("name"), names)):
            if isinstance(value, str) and value and not found:
                found.append(value[: self.MAX_NAME_CHARS])
        more = function.get("arguments")
        if more is not None and not isinstance(more, str):
            more = msgspec.json.encode(more).decode()
        if more and self._size + len(more) <= self.MAX_CHARS:
            self._size += len(more)
            arguments.append(more)

    def finished(self) -> list[ToolCall]:
        """Return the calls, in the order of their indexes."""
        return [
            ToolCall("".join(ids), "".join(names), "".join(arguments))
            for _, (ids, names, arguments) in sorted(self._calls.items())
        ]
