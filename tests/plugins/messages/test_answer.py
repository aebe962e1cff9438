"""Answers of chat completions as messages: whatever a source sends, the events are consistent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.responses.test_answer import Chunk, delta, events, pieces

from portico.gateway import ChatAnswer, TokenUsage
from portico_messages.answer import MessageTranslator

#: Where the text of a delta is, by its type, and in which block.
KEYS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "tool_use"),
}


def run(chunks: list[Chunk], usage: TokenUsage | None = None, **how: Any) -> tuple[Any, Any]:
    """The events, and the whole message."""
    made = MessageTranslator("m", **how)
    blocks = [made.begin()]
    blocks += [
        made.feed(msgspec.json.decode(json.dumps(chunk), type=ChatAnswer)) for chunk in chunks
    ]
    return events(b"".join([*blocks, made.end(usage)])), json.loads(made.document())


@given(st.lists(pieces, max_size=8), st.sampled_from([None, "stop", "odd", 3]), st.booleans())
def test_events_of_any_chunks_are_consistent(said: list[Any], finish: Any, thinks: bool) -> None:
    chunks = [*(delta(**one) for one in said), delta(finish)]
    found, whole = run(chunks, shows_thinking=thinks)
    kinds = [event["type"] for event in found]
    assert kinds[:2] == ["message_start", "ping"] and kinds[-2:] == [
        "message_delta",
        "message_stop",
    ]
    blocks: list[Any] = []
    stopped: set[int] = set()
    texts: dict[int, str] = {}
    for event in found:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(blocks) and len(stopped) == len(blocks)
                blocks.append(event["content_block"])
            case "content_block_delta" if event["delta"]["type"] in KEYS:
                key, block_type = KEYS[event["delta"]["type"]]
                assert blocks[event["index"]]["type"] == block_type
                texts[event["index"]] = texts.get(event["index"], "") + event["delta"][key]
            case "content_block_stop":
                stopped.add(event["index"])
    assert stopped == set(range(len(blocks)))
    assert [block["type"] for block in whole["content"]] == [block["type"] for block in blocks]
    for index, block in enumerate(whole["content"]):
        if block["type"] != "tool_use":
            assert block[block["type"]] == texts[index]
    assert whole["stop_reason"] == found[-2]["delta"]["stop_reason"]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        (None, "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("tool_calls", "tool_use"),
    ],
)
def test_finish_reason_becomes_the_stop_reason(finish: str, reason: str) -> None:
    assert run([delta(content="hi"), delta(finish)])[1]["stop_reason"] == reason


def test_call_of_a_tool_is_the_stop_reason_whatever_the_source_says() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    assert run([delta(tool_calls=[call]), delta("stop")])[1]["stop_reason"] == "tool_use"


def test_stop_sequence_is_named_where_the_source_names_it() -> None:
    chunk = delta("stop")
    chunk["choices"][0]["stop_reason"] = "END"
    whole = run([delta(content="hi"), chunk], stop_sequences=["END"])[1]
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("stop_sequence", "END")


def test_cached_tokens_are_counted_apart() -> None:
    usage = TokenUsage(input_tokens=20, output_tokens=9, cached_tokens=8, reasoning_tokens=4)
    found, whole = run([delta(content="hi")], usage)
    assert found[-2]["usage"] == whole["usage"]
    assert (whole["usage"]["input_tokens"], whole["usage"]["cache_read_input_tokens"]) == (12, 8)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ('{"a": 1}', {"a": 1}),
        ("[1]", {"arguments": "[1]"}),
        ('{"a":"\\ud800"}', {"a": "\ud800"}),
        ('{"a":' + "9" * 40 + "}", {"a": int("9" * 40)}),
        ('{"a":NaN}', {"arguments": '{"a":NaN}'}),
        ('{"a', {"arguments": '{"a'}),
        ("[" * 100_000, {"arguments": "[" * 100_000}),
    ],
)
def test_arguments_are_always_an_object(arguments: str, expected: Any) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    assert run([delta(tool_calls=[call])])[1]["content"][0]["input"] == expected
