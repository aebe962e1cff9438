"""Converts answers of Ollama's chat and generate API to OpenAI's completions, whole or as a stream of chunks.

The texts of an answer are not decoded: they are the same JSON in both APIs.
"""

import codecs
import uuid
from typing import Any

import msgspec

from portico.api.db import now
from portico.api.sources import ChunkMender
from portico_ollama.usage import Figures, usage

#: Bytes of one line, and so of what is buffered while its end is missing.
MAX_LINE_BYTES = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"

_NULL = msgspec.Raw(b"null")
#: OpenAI's names of the reasons for which an answer ends, where they differ.
_FINISH_REASONS = {"load": "stop", "unload": "stop"}


class _AnsweredFunction(msgspec.Struct, gc=False):
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _AnsweredCall(msgspec.Struct, gc=False):
    function: _AnsweredFunction
    id: str | None = None


class _AnsweredMessage(msgspec.Struct, gc=False):
    content: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    tool_calls: list[_AnsweredCall] | None = None


class AnswerLine(Figures, gc=False):
    """One line of a streamed answer, or a whole answer. `response`, `context`: of the generate API."""

    message: _AnsweredMessage | None = None
    response: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    context: msgspec.Raw = _NULL
    logprobs: msgspec.Raw = _NULL
    done: bool | None = False
    done_reason: str | None = None
    error: msgspec.Raw = _NULL

    def texts(self) -> tuple[msgspec.Raw, msgspec.Raw]:
        """Return content and reasoning as JSON texts; null without one."""
        if self.message is None:
            return self.response, self.thinking
        return self.message.content, self.message.thinking


class ChatStream:
    """Converts the lines of one streamed answer to chunks. Call `feed` with each block, then `close`, and send what they return.

    Never raises. `model`: as clients know it. `dropped`: number of lines that could not be read. `upstream_error`: the first
    error inside the stream, never sent to the client. `done`, `finished`: the last line was found.
    """

    def __init__(self, model: str) -> None:
        self.dropped = 0
        self.upstream_error: bytes | None = None
        self.done = self.finished = False
        head = {
            "id": f"{model}-{uuid.uuid4()}",
            "object": "chat.completion.chunk",
            "created": now(),
            "model": model,
        }
        self._head = b"data: " + msgspec.json.encode(head)[:-1]
        self._begin = self._head + b',"choices":[{"index":0,"delta":{'
        self._role = b'"role":"assistant",'
        self._tail: list[bytes] = []
        self._held_bytes = 0
        self._calls = 0
        self._lines = msgspec.json.Decoder(AnswerLine)
        self._mender = ChunkMender()

    @property
    def is_intact(self) -> bool:
        """Return whether all lines could be read."""
        return not self.dropped and self.upstream_error is None

    def feed(self, block: bytes) -> bytes:
        """Return the chunks of the complete lines."""
        if self.done:
            return b""
        if not self._tail and block.endswith(b"\n"):
            whole = block
        else:
            head, newline, rest = block.rpartition(b"\n")
            whole = b"".join((*self._tail, head)) if newline else b""
            if newline:
                self._tail, self._held_bytes = [], 0
            self._hold_back(rest)
        return self._chunks(whole) if whole else b""

    def close(self) -> tuple[bytes, bytes]:
        """Return the chunks of a last line that only lacks its end, and `[DONE]` unless it was returned before."""
        rest, self._tail = b"".join(self._tail), []
        last = self._chunks(rest) if rest.strip() and not self.done else b""
        self.done = True
        return last, b""

    def _hold_back(self, rest: bytes) -> None:
        if not rest or self._held_bytes > MAX_LINE_BYTES:
            return
        self._tail.append(rest)
        self._held_bytes += len(rest)
        if self._held_bytes > MAX_LINE_BYTES:
            self._tail = []
            self.dropped += 1

    def _chunks(self, lines: bytes) -> bytes:
        lines = lines.removeprefix(codecs.BOM_UTF8)
        try:
            if not lines.isascii():
                lines.decode()
            decoded = None if self._mender.is_waiting else self._lines.decode_lines(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            decoded = None
        if decoded is None:
            return b"".join(map(self._mended_chunk, lines.split(b"\n")))
        return b"".join(map(self._chunk, decoded))

    def _mended_chunk(self, line: bytes) -> bytes:
        """Return the chunk of a line that may have what a strict decoder refuses, such as half of a character."""
        if self.done or not line.strip():
            return b""
        try:
            mended = self._mender.mend_line(line)
            return self._chunk(self._lines.decode(msgspec.json.encode(mended))) if mended else b""
        except (ValueError, msgspec.MsgspecError):
            self.dropped += 1
            return b""

    def _chunk(self, line: AnswerLine) -> bytes:
        if self.done:
            return b""
        if bytes(line.error) not in _NO_ERROR:
            self.upstream_error = self.upstream_error or bytes(line.error)
            return b""
        delta = self._delta(line)
        block = b""
        if delta:
            block = self._begin + self._role + delta + b"}" + _logprobs(line) + _NOT_FINISHED
            self._role = b""
        if not line.done:
            return block
        self.done = self.finished = True
        return block + self._end(line)

    def _delta(self, line: AnswerLine) -> bytes:
        content, reasoning = line.texts()
        parts = []
        if _is_text(reasoning):
            parts.append(b'"reasoning_content":' + bytes(reasoning))
        if _is_text(content):
            parts.append(b'"content":' + bytes(content))
        if line.message is not None and line.message.tool_calls:
            calls = [_tool_call(call) for call in line.message.tool_calls]
            for number, call in enumerate(calls, self._calls):
                call["index"] = number
            self._calls += len(calls)
            parts.append(b'"tool_calls":' + msgspec.json.encode(calls))
        return b",".join(parts)

    def _end(self, line: AnswerLine) -> bytes:
        reason = finish_reason(line, has_calls=self._calls > 0)
        choice = {"index": 0, "delta": {}, "finish_reason": reason}
        end: dict[str, Any] = {"choices": [choice], "usage": usage(line)}
        if line.context != _NULL:
            end["context"] = line.context
        chunk = self._head + b"," + msgspec.json.encode(end)[1:] + b"\n\n"
        return chunk + DONE if self.is_intact else chunk


def is_error(body: bytes) -> bool:
    """Return whether a whole answer is an error. Raises: ValueError if it is neither an error nor an answer."""
    body.decode()
    answer = msgspec.json.decode(body, type=AnswerLine)
    if bytes(answer.error) not in _NO_ERROR:
        return True
    if answer.message is None and answer.response == _NULL:
        raise ValueError("no answer")
    return False


def completion(body: bytes, model: str) -> bytes:
    """Return the completion of a whole answer. Raises: msgspec.MsgspecError if it cannot be read."""
    answer = msgspec.json.decode(body, type=AnswerLine)
    content, reasoning = answer.texts()
    calls = answer.message.tool_calls if answer.message else None
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content if _is_text(content) else ("" if not calls else None),
    }
    if _is_text(reasoning):
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [_tool_call(call) for call in calls]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(answer, has_calls=bool(calls)),
    }
    if answer.logprobs != _NULL:
        choice["logprobs"] = {"content": answer.logprobs}
    result: dict[str, Any] = {
        "id": f"{model}-{uuid.uuid4()}",
        "object": "chat.completion",
        "created": now(),
        "model": model,
        "choices": [choice],
        "usage": usage(answer),
    }
    if answer.context != _NULL:
        result["context"] = answer.context
    return msgspec.json.encode(result)


def finish_reason(line: AnswerLine, *, has_calls: bool) -> str:
    """Return OpenAI's name of the reason for which an answer ended."""
    if has_calls:
        return "tool_calls"
    reason = line.done_reason or "stop"
    return _FINISH_REASONS.get(reason, reason)


def _tool_call(call: _AnsweredCall) -> dict[str, Any]:
    arguments = bytes(call.function.arguments).decode()
    function = {"name": call.function.name, "arguments": arguments}
    call_id = call.id or f"call_{uuid.uuid4().hex}"
    return {"id": call_id, "type": "function", "function": function}


def _logprobs(line: AnswerLine) -> bytes:
    if line.logprobs == _NULL:
        return b""
    return b',"logprobs":{"content":' + bytes(line.logprobs) + b"}"


def _is_text(raw: msgspec.Raw) -> bool:
    """Return whether a raw value is a text that is not empty."""
    return bytes(raw) not in (b"null", b'""') and bytes(raw)[:1] == b'"'


_NO_ERROR = frozenset({b"null", b'""', b"{}", b"false"})
_NOT_FINISHED = b',"finish_reason":null}]}\n\n'
