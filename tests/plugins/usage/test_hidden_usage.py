"""Usage of streams that only the server asked for: it is read, and clients see what they would have seen without it."""

import json
from typing import Any

import pytest
from tests.plugins.usage.conftest import Ask, Rows
from tests.upstream import Upstream

from portico.gateway.stream_without_usage import without_usage
from portico.testing import Client


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    config = json.loads(env["OPENAI_API_CONFIGS"])
    config["0"]["include_usage"] = True
    return env | {"OPENAI_API_CONFIGS": json.dumps(config)}


def usages(response: Any) -> list[Any]:
    chunks = [json.loads(data) for data in response.events if data != "[DONE]"]
    return [chunk["usage"] for chunk in chunks if chunk.get("usage")]


@pytest.mark.parametrize(
    ("given", "sent", "is_seen"),
    [
        ({}, {"include_usage": True}, False),
        ({"stream_options": None}, {"include_usage": True}, False),
        (
            {"stream_options": {"include_usage": False, "x": 1}},
            {"include_usage": True, "x": 1},
            False,
        ),
        ({"stream_options": {"include_usage": True}}, {"include_usage": True}, True),
        ({"stream_options": "odd"}, "odd", True),
    ],
)
def test_usage_is_asked_for_and_shown_only_to_clients_that_ask(
    ask: Ask,
    user: Client,
    rows: Rows,
    upstream: Upstream,
    given: dict[str, Any],
    sent: Any,
    is_seen: bool,
) -> None:
    response = ask(user, "reasoning", **given)
    assert upstream.completions()[-1].json["stream_options"] == sent
    assert bool(usages(response)) is is_seen
    assert response.events[-1] == "[DONE]" and "The answer" in response.body.decode()
    [row] = rows("usage_call")
    assert (row["input_tokens"], row["output_tokens"], row["is_estimated"]) == (1, 2, False)


def test_answer_that_is_not_streamed_is_asked_for_as_it_was(
    ask: Ask, user: Client, upstream: Upstream
) -> None:
    ask(user, "good", stream=False)
    assert "stream_options" not in upstream.completions()[-1].json


TEXT = b'data: {"choices":[{"delta":{"content":"\\"usage\\": {"}}],"usage":null}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'
BOTH = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}\n\n'


@pytest.mark.parametrize(
    ("block", "left"),
    [
        (TEXT + USAGE + b"data: [DONE]\n\n", TEXT + b"data: [DONE]\n\n"),
        (USAGE, b""),
        (TEXT + BOTH, TEXT + BOTH),
        ((TEXT + USAGE + BOTH).replace(b"\n", b"\r\n"), (TEXT + BOTH).replace(b"\n", b"\r\n")),
        (b"event: x\n" + BOTH, b"event: x\n" + BOTH),
    ],
)
def test_only_events_that_have_nothing_but_usage_are_left_out(block: bytes, left: bytes) -> None:
    assert without_usage(block) == left
