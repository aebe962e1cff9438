"""Helpers: a source for a test, and requests to it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from portico.api import SourceFailed
from portico.api.auth import Actor
from portico.api.models import SourceRequest, SourceResponse
from portico.api.sources import OutgoingHTTP
from portico.web.error_format import error_event
from portico_ollama.connection import connections
from portico_ollama.connection_options import OllamaOptions
from portico_ollama.settings import OllamaSettings
from portico_ollama.source import OllamaSource

T = TypeVar("T")
ANN = Actor("ann-id", "ann@example.org", "Ann", "user", "", "")


def settings(url: str, *, options: Any = None, **more: Any) -> OllamaSettings:
    """The settings of one server."""
    configs = (
        {"0": msgspec.convert(options, OllamaOptions, dec_hook=lambda kind, raw: kind(raw))}
        if options
        else {}
    )
    return OllamaSettings(base_urls=[url] if url else [], configs=configs, **more)


def with_source(given: OllamaSettings, work: Callable[[OllamaSource], Awaitable[T]]) -> T:
    """Return the result of `work` with a source, on its own event loop."""

    async def inside() -> T:
        http = OutgoingHTTP()
        try:
            return await work(OllamaSource(connections(given)[0], given, http, lambda _: [0]))
        finally:
            await http.close()

    return asyncio.run(inside())


def source_request(
    model: str, *, stream: bool = True, params: Any = None, **body: Any
) -> SourceRequest:
    """A source request, as the completions plugin makes it."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
    return SourceRequest(
        model=model,
        body={key: msgspec.Raw(msgspec.json.encode(value)) for key, value in body.items()},
        params=params or {},
        stream=stream,
        actor=ANN,
    )


def complete(given: OllamaSettings, completion: SourceRequest) -> tuple[SourceResponse, bytes]:
    """The response and all of its bytes."""

    async def ask(source: OllamaSource) -> tuple[SourceResponse, bytes]:
        reply = await source.complete(completion)
        if isinstance(reply.body, bytes):
            return reply, reply.body
        blocks = []
        try:
            async for block in reply.body:
                blocks.append(block)
        except SourceFailed as failure:  # as the client receives it
            blocks.append(error_event(None, 502, failure.detail, failure.code))
        return reply, b"".join(blocks)

    return with_source(given, ask)


def chunks(body: bytes) -> Sequence[Any]:
    """The chunks of a stream, which ends as it must."""
    events = body.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


def text_of(parts: Sequence[Any]) -> str:
    """The text of a streamed answer."""
    return "".join(
        part["choices"][0]["delta"].get("content", "") for part in parts if "choices" in part
    )
