"""Requests in OpenAI's format, as an Ollama server gets them."""

import json
from typing import Any

import msgspec
import pytest
from tests.source_calls import source_request

from portico.api import InvalidRequest
from portico_ollama.chat_request import encode

USER = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


def sent(params: Any = None, **body: Any) -> dict[str, Any]:
    """The body of the request, without what is always there."""
    path, encoded = encode(source_request("m", params=params, messages=USER, **body), "m")
    assert path == "/api/chat"
    found: dict[str, Any] = json.loads(encoded)
    assert found.pop("messages") == USER
    assert (found.pop("model"), found.pop("stream")) == ("m", True)
    return found


def messages_sent(*messages: Any) -> Any:
    """The messages of the request."""
    return json.loads(encode(source_request("m", messages=messages), "m")[1])["messages"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_tokens": 5, "temperature": 1}, {"options": {"num_predict": 5, "temperature": 1.0}}),
        ({"max_completion_tokens": 5.0}, {"options": {"num_predict": 5}}),
        ({"stop": "a\\n"}, {"options": {"stop": ["a\\n"]}}),
        ({"stop": ["a", "b"]}, {"options": {"stop": ["a", "b"]}}),
        ({"options": {"num_ctx": 8, "keep_alive": "5m"}, "seed": 3}, {"options": {"num_ctx": 8, "seed": 3}, "keep_alive": "5m"}),
        ({"response_format": {"type": "json_object"}}, {"format": "json"}),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}, {"format": SCHEMA}),
        ({"response_format": {"type": "text"}}, {}),
        ({"reasoning_effort": "low"}, {"think": "low"}),
        ({"reasoning_effort": "none"}, {"think": False}),
        ({"reasoning_effort": "high", "think": True}, {"think": True}),
        ({"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": True}, {"tools": TOOLS}),
        ({"tools": TOOLS, "tool_choice": "none"}, {}),
        ({"logprobs": True, "top_logprobs": 2, "unknown": [1]}, {"logprobs": True, "top_logprobs": 2, "unknown": [1]}),
        ({"n": 2, "user": "x", "logit_bias": {"5": 1}, "stream_options": {}}, {}),
        ({"temperature": None, "tools": None, "format": None}, {}),
    ],
)  # fmt: skip
def test_keys_become_those_of_ollama(given: Any, expected: Any) -> None:
    assert sent(**given) == expected


def test_parameters_are_cast_and_override_the_request() -> None:
    params = {
        "temperature": "0.5", "top_k": "7", "num_ctx": 4096.0, "use_mmap": "false", "stop": "a\\n", "max_tokens": 9,
        "keep_alive": "-1", "think": 1, "format": '{"type": "object"}', "custom": {"x": 1}, "seed": None,
    }  # fmt: skip
    body = sent(params, temperature=1, options={"top_k": 1, "seed": 4}, keep_alive="5m")
    assert body.pop("options") == {
        "temperature": 0.5, "top_k": 7, "num_ctx": 4096, "use_mmap": False, "stop": ["a\n"], "num_predict": 9,
        "custom": {"x": 1}, "seed": 4,
    }  # fmt: skip
    assert body == {"keep_alive": -1, "think": True, "format": {"type": "object"}}


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({"temperature": "warm"}, {}),
        ({"num_ctx": [1]}, {}),
        ({}, {"top_p": {}}),
        ({}, {"options": [1]}),
        ({}, {"messages": [1]}),
        ({}, {"messages": [{"role": 1}]}),
    ],
)
def test_value_of_a_wrong_type_is_refused(params: Any, body: Any) -> None:
    with pytest.raises(InvalidRequest):
        encode(source_request("m", params=params, **body), "m")


def test_parts_of_a_message_are_joined_and_images_are_base64() -> None:
    parts = [
        {"type": "text", "text": "What "},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "text", "text": "is it?"},
        {"type": "image_url", "image_url": "data:image/png;base64,aG8="},
        {"type": "input_audio", "input_audio": {}},
    ]
    [message] = messages_sent({"role": "user", "content": parts})
    assert message == {"role": "user", "content": "What is it?", "images": ["aGk=", "aG8="]}


def test_tool_calls_and_their_results_are_those_of_ollama() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}
    broken = {"id": "c2", "function": {"name": "other", "arguments": "{not"}}
    asked, result, system = messages_sent(
        {"role": "assistant", "content": None, "tool_calls": [call, broken], "reasoning_content": "So."},
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        {"role": "developer", "content": "Be brief."},
    )  # fmt: skip
    assert asked == {
        "role": "assistant",
        "content": "",
        "thinking": "So.",
        "tool_calls": [
            {"id": "c1", "function": {"name": "weather", "arguments": {"a": 1}}},
            {"id": "c2", "function": {"name": "other", "arguments": {"arguments": "{not"}}},
        ],
    }
    assert result == {
        "role": "tool",
        "content": "rain",
        "tool_name": "weather",
        "tool_call_id": "c1",
    }
    assert system == {"role": "system", "content": "Be brief."}


def test_texts_pass_byte_for_byte() -> None:
    text = b'"\\u00e9 \\/ \xf0\x9f\x99\x82"'
    messages = msgspec.Raw(b'[{"role":"user","content":' + text + b"}]")
    request = msgspec.structs.replace(source_request("m"), body={"messages": messages})
    assert text in encode(request, "m")[1]
