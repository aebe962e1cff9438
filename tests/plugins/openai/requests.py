"""Helpers: a source for a test, and requests to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from portico.api import Secret, SourceFailed
from portico.api.auth import Actor
from portico.api.models import SourceRequest, SourceResponse
from portico.api.sources import OutgoingHTTP
from portico.web.error_format import error_event
from portico_openai.connection import connections
from portico_openai.connection_options import ConnectionOptions
from portico_openai.settings import OpenAISettings
from portico_openai.source import OpenAISource

T = TypeVar("T")
ANN = Actor("ann-id", "ann@example.org", "Ann", "user", "", "")


def settings(
    url: str, *, key: str = "sk-ours-and-secret", options: Any = None, **more: Any
) -> OpenAISettings:
    """The settings of one connection."""
    configs = (
        {"0": msgspec.convert(options, ConnectionOptions, dec_hook=lambda kind, raw: kind(raw))}
        if options
        else {}
    )
    return OpenAISettings(base_urls=[url], keys=[Secret(key)], configs=configs, **more)


def with_source(given: OpenAISettings, work: Callable[[OpenAISource], Awaitable[T]]) -> T:
    """Return the result of `work` with a source, on its own event loop."""

    async def inside() -> T:
        http = OutgoingHTTP()
        try:
            return await work(OpenAISource(connections(given)[0], given, http))
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


def complete(given: OpenAISettings, completion: SourceRequest) -> tuple[SourceResponse, bytes]:
    """The response and all of its bytes."""

    async def ask(source: OpenAISource) -> tuple[SourceResponse, bytes]:
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
