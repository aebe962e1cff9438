"""Fixtures of the tests of Ollama servers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.ollama_server import OllamaServer

from portico.testing import InProcessApp


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    """A server with the Ollama API, in this process."""
    with OllamaServer() as server:
        yield server


@pytest.fixture
def env(env: dict[str, str], ollama: OllamaServer) -> dict[str, str]:
    """Settings with that server as the only source."""
    return env | ollama.environment


@pytest.fixture
def opened(
    env: dict[str, str], complete_schema: Any
) -> Iterator[Callable[[dict[str, str]], InProcessApp]]:
    """Starts an application with more settings."""
    apps = []

    def start(more: dict[str, str]) -> InProcessApp:
        apps.append(InProcessApp(env | more, complete_schema))
        return apps[-1]

    yield start
    for app in apps:
        app.close()
