"""Calls of every endpoint are accounted, with the tokens that their source reports."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.ollama_server import OllamaServer
from tests.plugins.usage.conftest import Rows
from tests.upstream import Upstream

from portico.testing import Client

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream, ollama: OllamaServer) -> dict[str, str]:
    return env | upstream.environment | ollama.environment


@pytest.mark.parametrize(
    ("path", "body", "operation", "tokens"),
    [
        ("/ollama/api/chat", {"model": "llama3:latest", "messages": MESSAGES}, "chat", (26, 10)),
        ("/api/embeddings", {"model": "llama3:latest", "input": ["a", "b"]}, "embeddings", (2, 0)),
        (
            "/api/v1/messages",
            {"model": "reasoning", "messages": MESSAGES, "max_tokens": 5, "stream": True},
            "chat",
            (1, 2),
        ),
        (
            "/api/v1/responses",
            {"model": "reasoning", "input": "hi", "stream": True},
            "chat",
            (1, 2),
        ),
    ],
)
def test_call_of_every_endpoint_is_accounted(
    admin: Client,
    rows: Rows,
    path: str,
    body: dict[str, Any],
    operation: str,
    tokens: tuple[int, int],
) -> None:
    answer = admin.post(path, body)
    assert answer.status == 200, answer.body
    [row] = rows("usage_call")
    assert (row["operation"], row["outcome"], row["is_estimated"]) == (
        operation,
        "completed",
        False,
    )
    assert (row["input_tokens"], row["output_tokens"]) == tokens
