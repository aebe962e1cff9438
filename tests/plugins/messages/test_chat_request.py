"""Requests of Anthropic's API as chat completions."""

import json
from typing import Any

import msgspec
import pytest

from portico.api import InvalidRequest
from portico_messages.chat_request import chat_body, chat_messages
from portico_messages.form import MessagesForm, parse_form


def parse(**form: Any) -> MessagesForm:
    data = {"model": "m", "max_tokens": 9, "messages": []} | form
    return parse_form({key: msgspec.Raw(json.dumps(one).encode()) for key, one in data.items()})


def body(**form: Any) -> dict[str, Any]:
    return {key: json.loads(bytes(one)) for key, one in chat_body(parse(**form)).items()}


def messages(*given: Any) -> list[Any]:
    return [json.loads(bytes(one)) for one in chat_messages(parse(messages=list(given)).messages)]


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA\n"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA\n"}}


def test_blocks_become_messages() -> None:
    thoughts = {"type": "thinking", "thinking": "hm", "signature": "s"}
    uses = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": [1.50]}}
    result = {"type": "tool_result", "tool_use_id": "c1", "is_error": True}
    result |= {"content": [{"type": "text", "text": "no"}, IMAGE]}
    found = messages(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thoughts, {"type": "text", "text": "I look."}, uses]},
        {"role": "user", "content": [result, {"type": "text", "text": "and?"}]},
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "assistant", "content": [uses]},
    )
    function = {"name": "f", "arguments": '{"a": [1.5]}'}
    calls = [{"id": "c1", "type": "function", "function": function}]
    assert found == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "Error: no"},
        {"role": "user", "content": [PICTURE, {"type": "text", "text": "and?"}]},
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": None, "tool_calls": calls},
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (IMAGE, PICTURE),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
        ),
        (
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
            },
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
            },
        ),
    ],
)
def test_images_and_documents_become_parts(block: Any, part: Any) -> None:
    assert messages({"role": "user", "content": [block]}) == [{"role": "user", "content": [part]}]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "document", "source": {"type": "text", "data": 'the "text"'}}, 'the "text"'),
        ({"type": "document", "source": {"type": "content", "content": "words"}}, "words"),
        (
            {
                "type": "search_result",
                "source": "https://a",
                "title": "A",
                "content": [{"type": "text", "text": "found"}],
            },
            "A (https://a)\nfound",
        ),
    ],
)
def test_documents_with_text_become_text(block: Any, text: str) -> None:
    assert messages({"role": "user", "content": [block]}) == [{"role": "user", "content": text}]


def test_tools_and_their_choice_are_translated() -> None:
    tools = [{"name": "f", "description": "Does.", "input_schema": {"type": "object"}}]
    choice = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    found = body(tools=tools, tool_choice=choice)
    function = {"name": "f", "parameters": {"type": "object"}, "description": "Does."}
    assert found["tools"] == [{"type": "function", "function": function}]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert found["parallel_tool_calls"] is False
    assert body(tools=tools, tool_choice={"type": "any"})["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("form", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, None),
    ],
)
def test_thinking_becomes_effort(form: Any, effort: str | None) -> None:
    assert body(**form).get("reasoning_effort") == effort


def test_keys_are_translated_forwarded_or_left_out() -> None:
    schema = {"type": "object"}
    found = body(
        stop_sequences=["END"],
        temperature=0.5,
        top_k=7,
        metadata={"user_id": "u"},
        service_tier="auto",
        cache_control={"type": "ephemeral"},
        output_config={"format": {"type": "json_schema", "schema": schema}},
        mcp_servers=[],
        chat_id="c",
        bypass_filter=True,
    )
    assert found.pop("response_format")["json_schema"]["schema"] == schema
    assert found == {"max_tokens": 9, "stop": ["END"], "temperature": 0.5, "top_k": 7}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": {"a": 1}},
        },
        {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ],
)
def test_unknown_block_is_refused(block: Any) -> None:
    for role in ("user", "assistant"):
        with pytest.raises(InvalidRequest, match="cannot read|must be a text"):
            messages({"role": role, "content": [block]})
