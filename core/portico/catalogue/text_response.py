"""Builds OpenAI responses from plain text, for sources that produce nothing else."""

import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import msgspec

from portico.catalogue.source import EVENT_STREAM, SourceRequest, SourceResponse, close_body


async def text_response(completion: SourceRequest, deltas: AsyncIterable[str]) -> SourceResponse:
    """Return a response made of pieces of text, streamed or whole as the client requested.

    Streamed, each piece is sent as one event at once. Whole, all pieces are awaited first. Raises: what `deltas`
    raises.
    """
    frame = {
        "id": f"chatcmpl-{uuid.uuid4()}",
        "created": int(time.time()),
        "model": completion.model,
    }
    if completion.stream:
        return SourceResponse(body=_events(frame, deltas), content_type=EVENT_STREAM)
    text = "".join([piece async for piece in deltas])
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    whole = {**frame, "object": "chat.completion", "choices": [choice]}
    return SourceResponse(body=msgspec.json.encode(whole))


async def _events(frame: dict[str, Any], deltas: AsyncIterable[str]) -> AsyncIterator[bytes]:
    def event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {**frame, "object": "chat.completion.chunk", "choices": [choice]}
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    try:
        yield event({"role": "assistant", "content": ""})
        async for piece in deltas:
            if piece:
                yield event({"content": piece})
        yield event({}, "stop") + b"data: [DONE]\n\n"
    finally:
        await close_body(deltas)
