"""Translates the answer of a chat completion to a message of Anthropic's API. Without I/O."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from portico.api import DomainError
from portico.api.db import new_id
from portico.api.models import AnswerPiece, ChatAnswer, TokenUsage
from portico_messages.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    encoded,
)

_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class _OpenBlock(msgspec.Struct):
    """A content block. `texts`: of its text, its thoughts or its arguments."""

    index: int
    type: str
    texts: list[str]
    id: str = ""
    name: str = ""


class MessageTranslator:
    """The state of one answer (an `AnswerTranslator`). `model`: as the client named it.

    `shows_thinking`: whether the client wants to see thoughts. `stop_sequences`: of the request.
    """

    def __init__(
        self, model: str, *, shows_thinking: bool = False, stop_sequences: Sequence[str] = ()
    ) -> None:
        self._id, self._model = f"msg_{new_id().replace('-', '')}", model
        self._shows_thinking, self._stop_sequences = shows_thinking, stop_sequences
        self._blocks: list[_OpenBlock] = []
        self._open: _OpenBlock | None = None
        self._calls: dict[int, _OpenBlock] = {}
        self._finish_reason: object = None
        self._stop_sequence: str | None = None
        self._usage: dict[str, Any] = _usage(None)

    def begin(self) -> bytes:
        """Return the first events (part of `AnswerTranslator`)."""
        start = self._frame([], None)
        return encoded(MessageStart(start)) + encoded(Ping())

    def feed(self, answer: ChatAnswer) -> bytes:
        """Return the events for a chunk (part of `AnswerTranslator`)."""
        choice = answer.first
        if choice is None:
            return b""
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
        if choice.stop_reason in self._stop_sequences:
            self._stop_sequence = choice.stop_reason
        piece = choice.delta or choice.message
        return self._piece(piece) if piece is not None else b""

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the last events (part of `AnswerTranslator`)."""
        self._usage = _usage(usage)
        stop = {"stop_reason": self._stop_reason, "stop_sequence": self._stop_sequence}
        delta = MessageDelta(stop, self._usage)
        return self._close() + encoded(delta) + encoded(MessageStop())

    def fail(self, error: DomainError) -> bytes:
        """Return nothing: the route sends its error event (part of `AnswerTranslator`)."""
        return b""

    def document(self) -> bytes:
        """Return the whole message (part of `AnswerTranslator`)."""
        content = [_document(block) for block in self._blocks]
        return msgspec.json.encode(self._frame(content, self._stop_reason))

    @property
    def _stop_reason(self) -> str:
        if self._stop_sequence is not None:
            return "stop_sequence"
        if self._calls and self._finish_reason in (None, "stop"):
            return "tool_use"
        return _STOP_REASONS.get(str(self._finish_reason), "end_turn")

    def _frame(self, content: list[Any], stop_reason: str | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": self._stop_sequence,
            "usage": self._usage,
        }

    def _piece(self, piece: AnswerPiece) -> bytes:
        events = b""
        if self._shows_thinking and (thinking := piece.reasoning_text):
            events += self._switch("thinking", {"thinking": "", "signature": ""})
            events += self._delta(ThinkingDelta(thinking), thinking)
        text = piece.text or (piece.refusal if isinstance(piece.refusal, str) else "")
        if text:
            events += self._switch("text", {"text": ""})
            events += self._delta(TextDelta(text), text)
        for place, call in enumerate(piece.tool_calls or ()):
            if call is None:
                continue
            key = call.index if isinstance(call.index, int) else place
            name = call.function.name if call.function else None
            if key not in self._calls:
                events += self._begin_call(key, call.id, name)
            arguments = call.function.arguments if call.function else None
            if isinstance(arguments, str) and arguments:
                events += self._delta(InputDelta(arguments), arguments, self._calls[key])
        return events

    def _begin_call(self, key: int, call_id: object, name: object) -> bytes:
        made = call_id if isinstance(call_id, str) and call_id else f"toolu_{new_id()}"
        named = name if isinstance(name, str) else ""
        events = self._start("tool_use", {"id": made, "name": named, "input": {}})
        self._calls[key] = block = self._blocks[-1]
        block.id, block.name = made, named
        return events

    def _switch(self, kind: str, start: dict[str, Any]) -> bytes:
        """Begin a block of this type, unless it is open."""
        if self._open is not None and self._open.type == kind:
            return b""
        return self._start(kind, start)

    def _start(self, kind: str, start: dict[str, Any]) -> bytes:
        events = self._close()
        self._open = _OpenBlock(len(self._blocks), kind, [])
        self._blocks.append(self._open)
        return events + encoded(BlockStart(self._open.index, {"type": kind, **start}))

    def _close(self) -> bytes:
        block, self._open = self._open, None
        if block is None:
            return b""
        signature = b""
        if block.type == "thinking":
            signature = encoded(BlockDelta(block.index, SignatureDelta()))
        return signature + encoded(BlockStop(block.index))

    def _delta(
        self,
        delta: TextDelta | ThinkingDelta | InputDelta,
        text: str,
        block: _OpenBlock | None = None,
    ) -> bytes:
        block = block or self._blocks[-1]
        block.texts.append(text)
        return encoded(BlockDelta(block.index, delta))


def _document(block: _OpenBlock) -> dict[str, Any]:
    text = "".join(block.texts)
    match block.type:
        case "thinking":
            return {"type": "thinking", "thinking": text, "signature": ""}
        case "text":
            return {"type": "text", "text": text}
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": _input(text)}


def _input(arguments: str) -> dict[str, Any] | msgspec.Raw:
    """Return arguments as the object that the protocol asks for, as they were written: what is none is in the key `arguments`."""
    text = arguments.strip() or "{}"
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        found = None
    return msgspec.Raw(text.encode()) if isinstance(found, dict) else {"arguments": arguments}


def _no_number(name: str) -> None:
    """Refuse NaN and infinity, which are not JSON. Raises: ValueError."""
    raise ValueError(name)


def _usage(usage: TokenUsage | None) -> dict[str, Any]:
    """Return the usage. Source: Anthropic counts tokens that were read from a cache apart."""
    usage = usage or TokenUsage()
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
