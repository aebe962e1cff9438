"""Helpers: a source for a test, requests to it, and what its answers say."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tests.source_calls import first_options, on_own_loop, whole_answer

from portico.api.models import SourceRequest, SourceResponse
from portico_ollama.connection import connections
from portico_ollama.connection_options import OllamaOptions
from portico_ollama.settings import OllamaSettings
from portico_ollama.source import OllamaSource

T = TypeVar("T")


def settings(url: str, *, options: Any = None, **more: Any) -> OllamaSettings:
    """The settings of one server."""
    configs = first_options(OllamaOptions, options)
    return OllamaSettings(base_urls=[url] if url else [], configs=configs, **more)


def with_source(given: OllamaSettings, work: Callable[[OllamaSource], Awaitable[T]]) -> T:
    """The result of `work` with a source, on its own event loop."""
    [connection] = connections(given)
    return on_own_loop(lambda http: OllamaSource(connection, given, http, lambda _: [0]), work)


def complete(given: OllamaSettings, request: SourceRequest) -> tuple[SourceResponse, bytes]:
    """The response and all of its bytes."""
    return with_source(given, lambda source: whole_answer(source, request))


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
