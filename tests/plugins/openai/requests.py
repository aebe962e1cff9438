"""Helpers: a source for a test, and requests to it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.source_calls import first_options, on_own_loop, whole_answer

from portico.api import Secret
from portico.api.models import SourceRequest, SourceResponse
from portico_openai.connection import connections
from portico_openai.connection_options import OpenAIOptions
from portico_openai.settings import OpenAISettings
from portico_openai.source import OpenAISource

T = TypeVar("T")


def settings(
    url: str, *, key: str = "sk-ours-and-secret", options: Any = None, **more: Any
) -> OpenAISettings:
    """The settings of one connection."""
    configs = first_options(OpenAIOptions, options)
    return OpenAISettings(base_urls=[url], keys=[Secret(key)], configs=configs, **more)


def with_source(given: OpenAISettings, work: Callable[[OpenAISource], Awaitable[T]]) -> T:
    """The result of `work` with a source, on its own event loop."""
    [connection] = connections(given)
    return on_own_loop(lambda http: OpenAISource(connection, given, http), work)


def complete(given: OpenAISettings, request: SourceRequest) -> tuple[SourceResponse, bytes]:
    """The response and all of its bytes."""
    return with_source(given, lambda source: whole_answer(source, request))
