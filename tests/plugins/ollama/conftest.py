"""Fixtures of the tests of Ollama servers."""

from collections.abc import Iterator

import pytest
from tests.ollama_server import OllamaServer


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    """A server with the Ollama API, in this process."""
    with OllamaServer() as server:
        yield server
