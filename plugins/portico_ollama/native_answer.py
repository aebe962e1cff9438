"""Converts completions of models to the answers that Ollama's clients and those of OpenAI's former API expect."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from portico.api.db import now
from portico.api.models import EVENT_STREAM, SourceResponse, close_body
from portico_ollama.completion_chunks import (
    ChunkChoice,
    ChunkContent,
    ChunkReader,
    CompletionChunk,
    ToolCallCollector,
)
from portico_ollama.usage import Figures

NDJSON = "application/x-ndjson"
_NULL = msgspec.Raw(b"null")
_EMPTY = msgspec.Raw(b'""')


class AnswerWriter(Protocol):
    """Writes the answer to one request in the format of an API."""

    stream_type: str

    def part(self, chunk: CompletionChunk) -> bytes:
        """Return what a chunk becomes in a stream; nothing if it says nothing."""
        ...

    def whole(self, completion: CompletionChunk) -> bytes:
        """Return the body that a whole completion becomes."""
        ...

    def end(self) -> bytes:
        """Return what ends a stream that is complete."""
        ...


class ChatWriter:
    """The answers of `/api/chat`. `model`: as the client named it."""

    stream_type = NDJSON
    #: What stands around the text in a line that has only a text.
    around_text = (b',"message":{"role":"assistant","content":', b'},"done":false}\n')

    def __init__(self, model: str) -> None:
        self._head = {
            "model": model,
            "created_at": datetime.fromtimestamp(now(), UTC).isoformat().replace("+00:00", "Z"),
        }
        self._before_text = msgspec.json.encode(self._head)[:-1] + self.around_text[0]
        self._calls = ToolCallCollector()
        self._last: dict[str, Any] | None = None

    def part(self, chunk: CompletionChunk) -> bytes:
        """Return the lines of a chunk. The last line waits for the usage, which may follow."""
        lines = b""
        for choice in (chunk.choices or ())[:1]:
            content = choice.delta or ChunkContent()
            if _is_text_only(choice, content):
                lines += self._before_text + bytes(content.content) + self.around_text[1]
                continue
            if content.tool_calls:
                self._calls.add(content.tool_calls)
            more: dict[str, Any] = {"done": False}
            if choice.logprobs is not None and choice.logprobs.content != _NULL:
                more["logprobs"] = choice.logprobs.content
            if _says(content):
                lines += self._line(self._said(content, []) | more)
            if choice.finish_reason:
                if calls := self._calls.take():
                    lines += self._line(self._said(ChunkContent(), calls) | more)
                self._last = {"done": True, "done_reason": _done_reason(choice.finish_reason)}
        if self._last is not None:
            self._last |= _figures(chunk)
        return lines

    def whole(self, completion: CompletionChunk) -> bytes:
        """Return the body of an answer that is not streamed."""
        for choice in (completion.choices or ())[:1]:
            content = choice.message or ChunkContent()
            if content.tool_calls:
                for index, call in enumerate(content.tool_calls):
                    call.index = index
                self._calls.add(content.tool_calls)
            self._last = self._said(content, self._calls.take())
            self._last |= {"done": True, "done_reason": _done_reason(choice.finish_reason)}
            if choice.logprobs is not None and choice.logprobs.content != _NULL:
                self._last["logprobs"] = choice.logprobs.content
        return self._line((self._last or {"done": True}) | _figures(completion)).rstrip()

    def end(self) -> bytes:
        """Return the last line."""
        end = self._last or {"done": True, "done_reason": "stop"}
        return self._line(self._said(ChunkContent(), []) | end)

    def _line(self, fields: dict[str, Any]) -> bytes:
        return msgspec.json.encode(self._head | fields) + b"\n"

    def _said(self, content: ChunkContent, calls: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the keys for what is said."""
        message: dict[str, Any] = {"role": "assistant", "content": _text(content.content)}
        if _text(content.reasoning_content) != _EMPTY:
            message["thinking"] = content.reasoning_content
        if calls:
            message["tool_calls"] = calls
        return {"message": message}


class GenerateWriter(ChatWriter):
    """The answers of `/api/generate`."""

    around_text = (b',"response":', b',"done":false}\n')

    def _said(self, content: ChunkContent, calls: list[dict[str, Any]]) -> dict[str, Any]:
        said: dict[str, Any] = {"response": _text(content.content)}
        if _text(content.reasoning_content) != _EMPTY:
            said["thinking"] = content.reasoning_content
        return said | ({"tool_calls": calls} if calls else {})


class TextCompletionWriter:
    """The answers of OpenAI's former completions. `model`: as the client named it."""

    stream_type = EVENT_STREAM

    def __init__(self, model: str) -> None:
        self._head = {
            "id": f"cmpl-{uuid.uuid4()}",
            "object": "text_completion",
            "created": now(),
            "model": model,
        }

    def part(self, chunk: CompletionChunk) -> bytes:
        """Return the event of a chunk."""
        choices = [
            _text_choice(choice.delta or ChunkContent(), choice.finish_reason)
            for choice in (chunk.choices or ())[:1]
            if choice.finish_reason or (choice.delta and _says(choice.delta))
        ]
        if not choices and not chunk.usage:
            return b""
        event = self._head | {"choices": choices}
        if chunk.usage:
            event["usage"] = chunk.usage
        return b"data: " + msgspec.json.encode(event) + b"\n\n"

    def whole(self, completion: CompletionChunk) -> bytes:
        """Return the body of an answer that is not streamed."""
        choices = [
            _text_choice(choice.message or ChunkContent(), choice.finish_reason)
            for choice in (completion.choices or ())[:1]
        ]
        return msgspec.json.encode(
            self._head | {"choices": choices, "usage": completion.usage or {}}
        )

    def end(self) -> bytes:
        """Return the end of a stream."""
        return b"data: [DONE]\n\n"


def written(response: SourceResponse, writer: AnswerWriter) -> SourceResponse:
    """Return a response in the format of another API; one that is an error stays as it is."""
    body = response.body
    if response.status >= 400:
        return response
    if isinstance(body, bytes):
        whole = writer.whole(msgspec.json.decode(body, type=CompletionChunk))
        return SourceResponse(body=whole, headers=response.headers)
    return SourceResponse(
        body=WrittenStream(body, writer), content_type=writer.stream_type, headers=response.headers
    )


class WrittenStream:
    """Async iterator of the blocks of a stream in the format of another API. Raises what the stream below raises."""

    def __init__(self, body: AsyncIterator[bytes], writer: AnswerWriter) -> None:
        self._body, self._writer = body, writer
        self._reader = ChunkReader()
        self._ended = False

    def __aiter__(self) -> "WrittenStream":
        return self

    async def __anext__(self) -> bytes:
        while not self._ended:
            block = await anext(self._body, None)
            if block is None:
                self._ended = True
                return self._writer.end()
            if lines := b"".join(map(self._writer.part, self._reader.feed(block))):
                return lines
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the stream below. Called when the client disconnects, and at the end."""
        self._ended = True
        await close_body(self._body)


def _text_choice(content: ChunkContent, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": _text(content.content), "logprobs": None, "finish_reason": reason}


def _is_text_only(choice: ChunkChoice, content: ChunkContent) -> bool:
    """Return whether a choice is one of the many that say a text and nothing else."""
    return (
        content.reasoning_content == _NULL
        and content.tool_calls is None
        and choice.finish_reason is None
        and choice.logprobs is None
        and _text(content.content) != _EMPTY
    )


def _says(content: ChunkContent) -> bool:
    return _text(content.content) != _EMPTY or _text(content.reasoning_content) != _EMPTY


def _text(raw: msgspec.Raw) -> msgspec.Raw:
    """Return a text as JSON; an empty one in place of any other value."""
    return raw if bytes(raw)[:1] == b'"' else _EMPTY


def _done_reason(reason: str | None) -> str:
    return "stop" if reason in (None, "tool_calls") else str(reason)


def _figures(chunk: CompletionChunk) -> dict[str, Any]:
    """Return Ollama's figures of an answer, as its source gave them or from OpenAI's usage."""
    found: dict[str, Any] = {} if chunk.context == _NULL else {"context": chunk.context}
    usage = chunk.usage
    if usage is None:
        return found
    counts = {
        "prompt_eval_count": usage.get("prompt_tokens"),
        "eval_count": usage.get("completion_tokens"),
    }
    given = {name: usage[name] for name in Figures.__struct_fields__ if name in usage}
    return found | {name: count for name, count in counts.items() if count is not None} | given
