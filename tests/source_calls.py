"""Calls of one model source, without an application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from portico.api import SourceFailed
from portico.api.auth import Actor
from portico.api.connections import SourceOptions
from portico.api.models import ModelSource, SourceRequest, SourceResponse
from portico.api.sources import OutgoingHTTP
from portico.web.error_format import error_event

Source = TypeVar("Source", bound=ModelSource)
Options = TypeVar("Options", bound=SourceOptions)
T = TypeVar("T")
ANN = Actor("ann-id", "ann@example.org", "Ann", "user", "", "")


def first_options(kind: type[Options], given: Any) -> dict[str, Options]:
    """The options of all connections, of which only the first has some."""
    if not given:
        return {}
    return {"0": msgspec.convert(given, kind, dec_hook=lambda secret, text: secret(text))}


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


def on_own_loop(
    make: Callable[[OutgoingHTTP], Source], work: Callable[[Source], Awaitable[T]]
) -> T:
    """The result of `work` with a source, on its own event loop."""

    async def inside() -> T:
        http = OutgoingHTTP()
        try:
            return await work(make(http))
        finally:
            await http.close()

    return asyncio.run(inside())


async def whole_answer(source: ModelSource, request: SourceRequest) -> tuple[SourceResponse, bytes]:
    """The response and all of its bytes, with an error in a stream as the client receives it."""
    reply = await source.complete(request)
    if isinstance(reply.body, bytes):
        return reply, reply.body
    blocks = []
    try:
        async for block in reply.body:
            blocks.append(block)
    except SourceFailed as failure:
        blocks.append(error_event(None, 502, failure.detail, failure.code))
    return reply, b"".join(blocks)
