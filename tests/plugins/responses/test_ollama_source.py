"""Responses, messages and embeddings with a model of an Ollama server, which speaks another protocol again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.ollama_server import OllamaServer
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client

FORMS: dict[str, Any] = {
    "/api/v1/responses": {"input": "hi", "instructions": "Be brief."},
    "/api/v1/messages": {
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "hi"}],
    },
}


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], ollama: OllamaServer) -> dict[str, str]:
    return env | ollama.environment


@pytest.mark.parametrize("path", FORMS)
def test_model_of_ollama_answers(admin: Client, path: str) -> None:
    model = admin.get("/api/v1/models").json["data"][0]["id"]
    whole = admin.post(path, FORMS[path] | {"model": model})
    assert whole.status == 200, whole
    streamed = admin.post(path, FORMS[path] | {"model": model, "stream": True})
    events = [json.loads(data) for data in streamed.events]
    if path.endswith("messages"):
        said = whole.json["content"][0]["text"]
        pieces = [one["delta"].get("text", "") for one in events if "delta" in one]
    else:
        said = whole.json["output"][0]["content"][0]["text"]
        pieces = [one["delta"] for one in events if one["type"] == "response.output_text.delta"]
    assert said and "".join(pieces) == said


def test_model_of_ollama_makes_embeddings(admin: Client) -> None:
    model = admin.get("/api/v1/models").json["data"][0]["id"]
    answer = admin.post("/api/v1/embeddings", {"model": model, "input": ["a", "b"]})
    assert answer.status == 200 and len(answer.json["data"]) == 2
