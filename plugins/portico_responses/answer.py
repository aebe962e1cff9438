"""Translates the answer of a chat completion to a response. Without I/O."""

from typing import Any, Final

import msgspec

from portico.api import DomainError
from portico.api.db import new_id, now
from portico.api.models import AnswerChoice, AnswerPiece, ChatAnswer, TokenUsage
from portico_responses.form import ResponsesForm
from portico_responses.items import OutputItem, OutputPart

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
#: Where the text of a part is, and the name of its events, by the type of the part.
_KEYS: Final = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}
#: Keys of the request that are sent back, and what they are without one.
_ECHOED: Final[dict[str, msgspec.Raw]] = {
    "instructions": msgspec.Raw(b"null"),
    "max_output_tokens": msgspec.Raw(b"null"),
    "metadata": msgspec.Raw(b"{}"),
    "parallel_tool_calls": msgspec.Raw(b"true"),
    "reasoning": msgspec.Raw(b'{"effort":null,"summary":null}'),
    "temperature": msgspec.Raw(b"null"),
    "text": msgspec.Raw(b'{"format":{"type":"text"}}'),
    "tool_choice": msgspec.Raw(b'"auto"'),
    "tools": msgspec.Raw(b"[]"),
    "top_p": msgspec.Raw(b"null"),
    "truncation": msgspec.Raw(b'"disabled"'),
    "user": msgspec.Raw(b"null"),
}


class PartDelta(msgspec.Struct):
    """More text of a part. Encoded for each chunk."""

    type: str
    sequence_number: int
    item_id: str
    output_index: int
    content_index: int
    delta: str
    logprobs: list[Any] | msgspec.UnsetType = msgspec.UNSET


class ArgumentsDelta(msgspec.Struct):
    """More arguments of a call. Encoded for each chunk."""

    type: str
    sequence_number: int
    item_id: str
    output_index: int
    delta: str


class ResponseTranslator:
    """The state of one answer (an `AnswerTranslator`). `model`: as the client named it."""

    def __init__(self, form: ResponsesForm, model: str) -> None:
        self._id, self._created_at, self._model = f"resp_{_hex_id()}", now(), model
        given = {key: value for key, value in form.data.items() if bytes(value) != b"null"}
        self._echo = {key: given.get(key, default) for key, default in _ECHOED.items()}
        self._custom_tools = form.custom_tools
        self._number = 0
        self._items: list[OutputItem] = []
        self._open: OutputItem | None = None
        self._calls: dict[int, OutputItem] = {}
        self._finish_reason: object = None
        self._service_tier: object = None
        self._usage: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None
        self._status = "in_progress"

    def begin(self) -> bytes:
        """Return the first events (part of `AnswerTranslator`)."""
        response = self._response()
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def feed(self, answer: ChatAnswer) -> bytes:
        """Return the events for a chunk (part of `AnswerTranslator`)."""
        self._service_tier = answer.service_tier or self._service_tier
        choice = answer.first
        if choice is None:
            return b""
        self._finish_reason = choice.finish_reason or self._finish_reason
        piece = choice.delta or choice.message
        return self._piece(piece, choice) if piece is not None else b""

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the last events (part of `AnswerTranslator`)."""
        self._usage = _usage(usage)
        self._status = "incomplete" if self._reason else "completed"
        events = self._close(self._status)
        return events + self._event(f"response.{self._status}", response=self._response())

    def fail(self, error: DomainError) -> bytes:
        """Return the event with the reason (part of `AnswerTranslator`)."""
        is_limit = error.code == "rate_limit_exceeded"
        code = "rate_limit_exceeded" if is_limit else "server_error"
        self._status, self._error = "failed", {"code": code, "message": error.detail}
        if self._open is not None:
            self._open.status = "incomplete"
        return self._event("response.failed", response=self._response())

    def document(self) -> bytes:
        """Return the whole response (part of `AnswerTranslator`)."""
        return msgspec.json.encode(self._response())

    @property
    def _reason(self) -> str | None:
        return _INCOMPLETE.get(str(self._finish_reason))

    def _response(self) -> dict[str, Any]:
        is_incomplete = self._status == "incomplete"
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created_at,
            "status": self._status,
            "background": False,
            "error": self._error,
            "incomplete_details": {"reason": self._reason} if is_incomplete else None,
            "model": self._model,
            "output": [item.document() for item in self._items],
            "previous_response_id": None,
            "service_tier": self._service_tier,
            "store": False,
            "usage": self._usage,
            **self._echo,
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        event = {"type": kind, "sequence_number": self._number - 1, **fields}
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(event))

    def _item_event(self, kind: str, item: OutputItem, **fields: Any) -> bytes:
        return self._event(kind, item_id=item.id, output_index=item.index, **fields)

    def _piece(self, piece: AnswerPiece, choice: AnswerChoice) -> bytes:
        events = b""
        if text := piece.reasoning_text:
            events += self._text("reasoning", "reasoning_text", text)
        if text := piece.text:
            logprobs = _logprobs(choice.logprobs)
            events += self._text("message", "output_text", text, logprobs)
        if isinstance(piece.refusal, str) and piece.refusal:
            events += self._text("message", "refusal", piece.refusal)
        for place, call in enumerate(piece.tool_calls or ()):
            if call is None:
                continue
            key = call.index if isinstance(call.index, int) else place
            name = call.function.name if call.function else None
            if key not in self._calls:
                events += self._begin_call(key, call.id, name)
            arguments = call.function.arguments if call.function else None
            if isinstance(arguments, str) and arguments:
                events += self._arguments(self._calls[key], arguments)
        return events

    def _text(
        self, item_type: str, part_type: str, text: str, logprobs: list[Any] | None = None
    ) -> bytes:
        events = b""
        item = self._open
        if item is None or item.type != item_type:
            events += self._start(item_type)
            item = self._items[-1]
        if not item.parts or item.parts[-1].type != part_type:
            events += self._end_part(item) + self._start_part(item, part_type)
        part = item.parts[-1]
        part.texts.append(text)
        part.logprobs += logprobs or []
        self._number += 1
        kind = f"response.{part_type}.delta"
        delta = PartDelta(kind, self._number - 1, item.id, item.index, len(item.parts) - 1, text)
        if part_type == "output_text":
            delta.logprobs = logprobs or []
        return events + b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(delta))

    def _arguments(self, item: OutputItem, arguments: str) -> bytes:
        item.arguments.append(arguments)
        if item.type == "custom_tool_call":  # its text is inside of the arguments
            return b""
        self._number += 1
        kind = "response.function_call_arguments.delta"
        delta = ArgumentsDelta(kind, self._number - 1, item.id, item.index, arguments)
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(delta))

    def _begin_call(self, key: int, call_id: object, name: object) -> bytes:
        named = name if isinstance(name, str) else ""
        events = self._start(
            "custom_tool_call" if named in self._custom_tools else "function_call",
            name=named,
            call_id=call_id if isinstance(call_id, str) and call_id else f"call_{_hex_id()}",
        )
        self._calls[key] = self._items[-1]
        return events

    def _start(self, kind: str, *, name: str = "", call_id: str = "") -> bytes:
        events = self._close()
        item_id = f"{_PREFIXES[kind]}_{_hex_id()}"
        item = OutputItem(len(self._items), item_id, kind, name=name, call_id=call_id)
        self._items.append(item)
        self._open = item
        return events + self._event(
            "response.output_item.added", output_index=item.index, item=item.document()
        )

    def _start_part(self, item: OutputItem, kind: str) -> bytes:
        part = OutputPart(kind, _KEYS[kind])
        item.parts.append(part)
        place = len(item.parts) - 1
        return self._item_event(
            "response.content_part.added", item, content_index=place, part=part.document()
        )

    def _end_part(self, item: OutputItem) -> bytes:
        if not item.parts:
            return b""
        part, place = item.parts[-1], len(item.parts) - 1
        done: dict[str, Any] = {"content_index": place, part.key: part.text}
        if part.type == "output_text":
            done["logprobs"] = part.logprobs
        return self._item_event(f"response.{part.type}.done", item, **done) + self._item_event(
            "response.content_part.done", item, content_index=place, part=part.document()
        )

    def _close(self, status: str = "completed") -> bytes:
        """End the open item. `status`: of the item."""
        item, self._open = self._open, None
        if item is None:
            return b""
        item.status = status
        events = self._end_part(item)
        if item.type == "function_call":
            text = "".join(item.arguments)
            kind = "response.function_call_arguments.done"
            events += self._item_event(kind, item, name=item.name, arguments=text)
        elif item.type == "custom_tool_call":
            kind = "response.custom_tool_call_input"
            events += self._item_event(f"{kind}.delta", item, delta=item.input)
            events += self._item_event(f"{kind}.done", item, input=item.input)
        done = self._event(
            "response.output_item.done", output_index=item.index, item=item.document()
        )
        return events + done


def _hex_id() -> str:
    return new_id().replace("-", "")


def _logprobs(raw: msgspec.Raw) -> list[Any]:
    if bytes(raw) == b"null":
        return []
    try:
        found = msgspec.json.decode(raw)
    except msgspec.MsgspecError:  # a number that is too large
        return []
    content = found.get("content") if isinstance(found, dict) else None
    return content if isinstance(content, list) else []


def _usage(usage: TokenUsage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
