"""Reads the chunks of a completion in OpenAI's format: what was said, how it ended, and what it cost."""

from collections.abc import Iterator
from typing import Any

import msgspec

_NULL = msgspec.Raw(b"null")


class ChunkFunction(msgspec.Struct, gc=False):
    """A part of a call of a function. `arguments`: a part of a JSON text."""

    name: str | None = None
    arguments: str | None = None


class ChunkToolCall(msgspec.Struct, gc=False):
    """A part of a tool call."""

    index: int = 0
    id: str | None = None
    function: ChunkFunction | None = None


class ChunkContent(msgspec.Struct, gc=False):
    """What a chunk, or a whole message, says. Texts are JSON, null without one."""

    content: msgspec.Raw = _NULL
    reasoning_content: msgspec.Raw = _NULL
    tool_calls: list[ChunkToolCall] | None = None


class _LogProbabilities(msgspec.Struct, gc=False):
    content: msgspec.Raw = _NULL


class ChunkChoice(msgspec.Struct, gc=False):
    """One choice. `delta` in a stream, else `message`."""

    delta: ChunkContent | None = None
    message: ChunkContent | None = None
    finish_reason: str | None = None
    logprobs: _LogProbabilities | None = None


class CompletionChunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole completion. `context`: of Ollama's generate API."""

    choices: list[ChunkChoice] | None = None
    usage: dict[str, Any] | None = None
    context: msgspec.Raw = _NULL


class ChunkReader:
    """Reads a stream of events. Call `feed` with each block."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(CompletionChunk)
        self._rest = b""

    def feed(self, block: bytes) -> Iterator[CompletionChunk]:
        """Yield the chunks of the events that are complete; events that are none are left out."""
        *events, self._rest = (self._rest + block).split(b"\n\n")
        for event in events:
            if event.startswith(b"data:") and event[5:].strip() != b"[DONE]":
                try:
                    yield self._decoder.decode(event[5:])
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue


class ToolCallCollector:
    """Puts together tool calls whose parts are in several chunks."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._arguments: dict[int, list[str]] = {}

    def add(self, parts: list[ChunkToolCall]) -> None:
        """Add the parts of one chunk."""
        for part in parts:
            if part.function is not None:
                self._names.setdefault(part.index, part.function.name or "")
                self._arguments.setdefault(part.index, []).append(part.function.arguments or "")

    def take(self) -> list[dict[str, Any]]:
        """Return the calls in Ollama's format, and forget them. Arguments that are no object are left out."""
        calls = [
            {"function": {"name": name, "arguments": _object("".join(self._arguments[index]))}}
            for index, name in sorted(self._names.items())
        ]
        self._names, self._arguments = {}, {}
        return calls


def _object(text: str) -> Any:
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
