"""Requests for responses as chat completions."""

import json
from typing import Any

import msgspec
import pytest

from portico.api import InvalidRequest
from portico_responses.chat_request import chat_body, chat_messages
from portico_responses.form import ResponsesForm, parse_form


def parse(**form: Any) -> ResponsesForm:
    data = {"model": "m", "input": "hi"} | form
    return parse_form({key: msgspec.Raw(json.dumps(one).encode()) for key, one in data.items()})


def body(**form: Any) -> dict[str, Any]:
    return {key: json.loads(bytes(one)) for key, one in chat_body(parse(**form)).items()}


def messages(*items: Any) -> list[Any]:
    return [json.loads(bytes(one)) for one in chat_messages(parse(input=list(items)).items)]


def call(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def test_items_become_messages() -> None:
    part = {"type": "output_text", "text": "I look.", "annotations": []}
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    sound = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
    file = {
        "type": "input_file",
        "filename": "a.pdf",
        "file_data": "data:application/pdf;base64,AA",
    }
    found = messages(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}, image, sound, file]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "content": [part]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "+1"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "two"}, image],
        },
        {"role": "user", "content": "and?"},
    )
    picture = {"url": "data:image/png;base64,AA", "detail": "low"}
    document = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}
    assert found == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": picture},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": document},
            ],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [call("c1"), call("c2", "patch", '{"input":"+1"}')],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "user", "content": [{"type": "image_url", "image_url": picture}]},
        {"role": "user", "content": "and?"},
    ]


def test_images_among_results_come_after_the_last_result() -> None:
    image = {"type": "input_image", "image_url": "u"}
    found = messages(
        {"type": "function_call_output", "call_id": "c1", "output": [image]},
        {"type": "function_call_output", "call_id": "c2", "output": "two"},
    )
    assert [one["role"] for one in found] == ["tool", "tool", "user"]


def test_tools_and_their_choice_are_translated() -> None:
    tools = [
        {
            "type": "function",
            "name": "f",
            "description": "Does.",
            "parameters": None,
            "strict": True,
        },
        {"type": "custom", "name": "patch", "format": {"type": "grammar", "definition": "x"}},
    ]
    found = body(tools=tools, tool_choice={"type": "custom", "name": "patch"})
    first, second = (one["function"] for one in found["tools"])
    assert (first["strict"], first["description"]) == (True, "Does.")
    assert second["parameters"]["required"] == ["input"] and "grammar" in second["description"]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    found = body(tools=tools, tool_choice=allowed, parallel_tool_calls=False)
    assert [one["function"]["name"] for one in found["tools"]] == ["f"]
    assert (found["tool_choice"], found["parallel_tool_calls"]) == ("required", False)
    assert "tool_choice" not in body(tool_choice="auto")


def test_keys_are_translated_forwarded_or_left_out() -> None:
    found = body(
        max_output_tokens=5,
        reasoning={"effort": "high", "summary": "auto"},
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        top_logprobs=2,
        top_k=7,
        user="u",
        store=False,
        previous_response_id=None,
        metadata={"a": "b"},
        truncation="auto",
        include=["reasoning.encrypted_content"],
        stream_options={"include_obfuscation": False},
        chat_id="c",
        bypass_filter=True,
    )
    assert found == {
        "max_tokens": 5,
        "reasoning_effort": "high",
        "response_format": {"type": "json_object"},
        "verbosity": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "top_k": 7,
        "user": "u",
    }


@pytest.mark.parametrize(
    "form",
    [
        {"store": True},
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"background": True},
        {"prompt": {"id": "pmpt_1"}},
        {"tools": [{"type": "mcp", "server_label": "x"}]},
    ],
)
def test_what_a_chat_completion_cannot_do_is_refused(form: Any) -> None:
    with pytest.raises(InvalidRequest, match="stored|cannot use tools"):
        chat_body(parse(**form))
