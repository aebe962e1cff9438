"""One Ollama server as a source: its models, requests and answers."""

import base64
import json
import socket
import struct
from io import BytesIO
from typing import Any

import pytest
from tests.ollama_server import FIGURES, OllamaServer
from tests.plugins.ollama.requests import (
    chunks,
    complete,
    settings,
    text_of,
    with_source,
)
from tests.source_calls import source_request
from tests.upstream import WORDS

from portico.api import InvalidRequest, SourceFailed
from portico_ollama.source import OllamaSource


def test_models_are_listed_as_the_contract_says(ollama: OllamaServer) -> None:
    ollama.loaded = ["qwen:0.5b"]
    given = settings(ollama.url, options={"prefix_id": "lab", "tags": [{"name": "own"}]})
    llama, qwen = with_source(given, OllamaSource.list_models)
    assert (llama.id, llama.name, llama.owned_by) == (
        "lab.llama3:latest",
        "llama3:latest",
        "ollama",
    )
    assert (llama.connection_type, llama.public, list(llama.tags)) == ("local", False, ["own"])
    entry = llama.details["ollama"]
    assert entry["model"] == "lab.llama3:latest" and entry["urls"] == [0]
    assert entry["tags"] == [{"name": "own"}] and "expires_at" not in entry
    assert qwen.details["ollama"]["expires_at"] == 1780609111


def test_model_ids_are_a_filter(ollama: OllamaServer) -> None:
    given = settings(ollama.url, options={"model_ids": ["llama3", "absent:1b"], "access": "public"})
    [card] = with_source(given, OllamaSource.list_models)
    assert (card.id, card.public) == ("llama3:latest", True)


def test_expiry_that_moves_a_little_makes_no_new_list(
    ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.loaded = ["qwen:0.5b"]

    async def twice(source: OllamaSource) -> Any:
        first = await source.list_models()
        monkeypatch.setattr("tests.ollama_server.EXPIRES", "2026-06-04T14:39:11-07:00")
        return first, await source.list_models()

    first, second = with_source(settings(ollama.url), twice)
    assert first == second


def test_key_and_headers_are_sent(ollama: OllamaServer) -> None:
    ollama.key = "sk-ollama"
    given = settings(ollama.url, options={"key": "sk-ollama", "headers": {"X-Team": "blue"}})
    assert len(with_source(given, OllamaSource.list_models)) == 2
    assert ollama.requests[0].headers["x-team"] == "blue"
    with pytest.raises(SourceFailed) as refused:
        with_source(settings(ollama.url), OllamaSource.list_models)
    assert "rejected the credentials" in refused.value.detail


@pytest.mark.case("FT-17")
def test_password_in_the_address_beside_a_key_is_no_internal_error(
    ollama: OllamaServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = ollama.url.replace("//", "//user:secret@")
    given = settings(url, options={"key": "sk-ollama"})
    with pytest.raises(SourceFailed):
        with_source(given, OllamaSource.list_models)
    with pytest.raises(SourceFailed):
        with_source(given, lambda source: source.client.call("POST", "/api/show", b"{}"))
    with pytest.raises(SourceFailed):
        with_source(given, lambda source: source.client.send_file("/api/blobs/1", BytesIO(b"1")))
    assert "the address or a header is not valid" in caplog.text
    assert "secret" not in caplog.text and not ollama.requests


def test_server_that_was_set_and_is_down_fails() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(SourceFailed) as failure:
        with_source(settings(url), OllamaSource.list_models)
    assert failure.value.detail == "The model source 'ollama' could not be reached."


def test_usual_address_without_a_server_offers_no_models(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr("portico_ollama.connection.DEFAULT_BASE_URL", url)
    assert with_source(settings(""), OllamaSource.list_models) == []
    assert not caplog.records


def test_chat_is_streamed_as_chunks(ollama: OllamaServer) -> None:
    reply, body = complete(settings(ollama.url), source_request("words:latest"))
    assert (reply.status, reply.content_type) == (200, "text/event-stream")
    *parts, end = chunks(body)
    assert text_of(parts) == "".join(WORDS)
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant"
    assert len({part["id"] for part in [*parts, end]}) == 1
    assert end["id"].startswith("words:latest-")
    assert end["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert end["usage"] == {
        "response_token/s": 5.0,
        "prompt_token/s": 200.0,
        "prompt_tokens": 26,
        "completion_tokens": 10,
        "total_tokens": 36,
        "approximate_total": "0h0m5s",
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        **FIGURES,
    }


def test_chat_that_is_not_streamed_is_one_completion(ollama: OllamaServer) -> None:
    reply, body = complete(
        settings(ollama.url), source_request("llama3:latest", stream=False, think=True)
    )
    assert (reply.status, reply.content_type) == (200, "application/json")
    completion = json.loads(body)
    message = completion["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "You said: hi",
        "reasoning_content": "Let me see.",
    }
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["usage"]["total_tokens"] == 36


@pytest.mark.parametrize("stream", [True, False])
def test_tool_calls_are_those_of_openai(ollama: OllamaServer, stream: bool) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    request = source_request("llama3:latest", stream=stream, tools=tools)
    _, body = complete(settings(ollama.url), request)
    if stream:
        first, end = chunks(body)
        [call] = first["choices"][0]["delta"]["tool_calls"]
        assert call.pop("index") == 0
        reason = end["choices"][0]["finish_reason"]
    else:
        [choice] = json.loads(body)["choices"]
        [call], reason = choice["message"]["tool_calls"], choice["finish_reason"]
    assert reason == "tool_calls"
    assert call.pop("id").startswith("call_") and call["type"] == "function"
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Bern"}


def test_prefix_is_removed_from_requests(ollama: OllamaServer) -> None:
    given = settings(ollama.url, options={"prefix_id": "lab"})
    _, body = complete(given, source_request("lab.llama3:latest"))
    assert ollama.received("/api/chat")[0].json["model"] == "llama3:latest"
    assert chunks(body)[0]["model"] == "lab.llama3:latest"


@pytest.mark.case("FT-19")
@pytest.mark.parametrize(
    ("model", "text", "error"),
    [
        ("split", f"süß 🙂{''.join(WORDS)}", None),
        ("no-newline", "".join(WORDS), None),
        ("long", "".join(WORDS[:2]), None),
        ("cut", "".join(WORDS[:2]), "broke off its answer"),
        ("garbage", "".join(WORDS), "could not be read and are missing"),
        ("invalid-utf-8", "".join([*WORDS[:2], "\ufffd", *WORDS[2:]]), None),
        ("error-inside", "".join(WORDS[:2]), "failed while it answered"),
    ],
)
def test_stream_with_faults_keeps_all_readable_text(
    ollama: OllamaServer, model: str, text: str, error: str | None
) -> None:
    _, body = complete(settings(ollama.url), source_request(f"{model}:latest"))
    parts = chunks(body)
    assert text_of(parts) == text
    if error is None:
        assert parts[-1]["choices"][0]["finish_reason"] == ("length" if model == "long" else "stop")
    else:
        assert error in parts[-1]["error"]["message"]


@pytest.mark.case("AB-44")
@pytest.mark.parametrize("stream", [True, False])
def test_error_before_the_answer_names_the_source_only(ollama: OllamaServer, stream: bool) -> None:
    with pytest.raises(SourceFailed) as failure:
        complete(settings(ollama.url), source_request("error-first:latest", stream=stream))
    assert failure.value.detail == "The model source 'ollama' failed while it answered."


def test_servers_sentence_about_a_request_is_passed_on(ollama: OllamaServer) -> None:
    reply, body = complete(settings(ollama.url), source_request("absent:1b"))
    assert reply.status == 404
    assert json.loads(body)["error"]["message"] == "model 'absent:1b' not found"


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_have_one_vector_for_each_text(ollama: OllamaServer, encoding: str) -> None:
    request = source_request(
        "llama3:latest", stream=False, input=["a", "bcd"], encoding_format=encoding
    )
    body = with_source(
        settings(ollama.url), lambda source: source.client.embed(request, "llama3:latest")
    ).body
    assert isinstance(body, bytes)
    answer = json.loads(body)
    vectors: Any = [item["embedding"] for item in answer["data"]]
    if encoding == "base64":
        vectors = [list(struct.unpack("<2f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [[1.0, 0.5], [3.0, 0.5]]
    assert answer["object"] == "list" and answer["model"] == "llama3:latest"
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


def test_image_by_address_is_refused(ollama: OllamaServer) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://10.0.0.1/x.png"}}
    with pytest.raises(InvalidRequest, match="data URLs only"):
        complete(
            settings(ollama.url),
            source_request("llama3:latest", messages=[{"role": "user", "content": [part]}]),
        )
