"""Filters see embeddings, responses and messages that pass through, and change the text in all of their events."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.native_endpoints import TEXT
from tests.upstream import Upstream

from portico.gateway import CallResult, GatewayCall
from portico.testing import Client, Response

Results = list[tuple[GatewayCall, CallResult]]


class Upper:
    """Makes text upper case."""

    def feed(self, text: str) -> str:
        return text.upper()

    def close(self) -> str:
        return "!"


class Held(Upper):
    """Holds all text back until the end."""

    held = ""

    def feed(self, text: str) -> str:
        self.held += text
        return ""

    def close(self) -> str:
        return f"[{self.held}]"


class Removed(Upper):
    """Leaves nothing of the text."""

    def feed(self, text: str) -> str:
        return ""

    def close(self) -> str:
        return ""


EDITORS = {f"{TEXT.upper()}!": Upper, f"[{TEXT}]": Held, "": Removed}
FORMS: dict[str, Any] = {
    "responses": {"model": "good", "input": "hi"},
    "messages": {"model": "good", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "embeddings": {"model": "good", "input": "hi"},
}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """One source that has all endpoints."""
    operations = ["chat", "embeddings", "responses", "messages"]
    config = {"0": {"access": "public", "model_ids": ["good"], "operations": operations}}
    return env | {**upstream.environment, "OPENAI_API_CONFIGS": json.dumps(config)}


def ask(client: Client, endpoint: str, **more: Any) -> Response:
    answer = client.post(f"/api/v1/{endpoint}", FORMS[endpoint] | more)
    assert answer.status == 200, answer
    return answer


def texts_of(endpoint: str, document: Any) -> list[str]:
    """All places of a document that have the whole text."""
    if endpoint == "messages":
        return [block["text"] for block in document.get("content", ())]
    found = [document["text"]] if document.get("type") == "response.output_text.done" else []
    if document.get("type") == "response.content_part.done":
        found.append(document["part"]["text"])
    items = [document["item"]] if "item" in document else []
    items += document.get("output", []) + document.get("response", {}).get("output", [])
    return found + [part["text"] for item in items for part in item.get("content", ())]


@pytest.mark.parametrize("endpoint", ["responses", "messages"])
@pytest.mark.parametrize("expected", EDITORS)
def test_text_filter_changes_the_text_wherever_it_is(
    admin: Client, install_filter: Callable[..., None], endpoint: str, expected: str
) -> None:
    install_filter(edit_text=lambda call: EDITORS[expected]())
    assert texts_of(endpoint, ask(admin, endpoint).json) == [expected]
    events = [json.loads(data) for data in ask(admin, endpoint, stream=True).events]
    deltas = [event.get("delta") for event in events]
    pieces = [d["text"] if isinstance(d, dict) and "text" in d else d for d in deltas]
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == expected
    kinds = [event["type"] for event in events]
    if endpoint == "messages":
        stop = kinds.index("content_block_stop")
        assert all(kind != "content_block_delta" for kind in kinds[stop:])
    else:
        whole = [text for event in events for text in texts_of(endpoint, event)]
        assert [text for text in whole if text != ""] == ([expected] * 4 if expected else [])
        assert kinds[-1] == "response.completed"


@pytest.mark.parametrize("endpoint", FORMS)
def test_filters_learn_how_a_call_of_an_endpoint_ended(
    admin: Client, results: Results, endpoint: str
) -> None:
    ask(admin, endpoint)
    if endpoint != "embeddings":
        ask(admin, endpoint, stream=True)
    for call, result in results:
        usage = result.usage
        assert call.target.id == "good" and result.outcome == "completed"
        if endpoint != "embeddings":
            assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (20, 8, 9)
    assert len(results) == (1 if endpoint == "embeddings" else 2)


@pytest.mark.parametrize("endpoint", ["responses", "messages"])
def test_outlet_sees_the_text_of_an_endpoint(
    admin: Client, install_filter: Callable[..., None], endpoint: str
) -> None:
    seen: list[str] = []

    async def outlet(call: GatewayCall, text: str) -> str:
        seen.append(text)
        return "other"

    install_filter(outlet=outlet)
    assert texts_of(endpoint, ask(admin, endpoint).json) == ["other"]
    ask(admin, endpoint, stream=True)
    assert seen == [TEXT, TEXT]


@pytest.mark.parametrize("endpoint", FORMS)
def test_inlet_changes_the_request_of_an_endpoint(
    admin: Client, install_filter: Callable[..., None], upstream: Upstream, endpoint: str
) -> None:
    async def inlet(call: GatewayCall) -> None:
        assert call.request.operation == endpoint
        body = {**call.request.body, "seen": msgspec.Raw(b"true")}
        call.request = msgspec.structs.replace(call.request, body=body)

    install_filter(inlet=inlet)
    ask(admin, endpoint)
    assert upstream.requests[-1].json["seen"] is True
