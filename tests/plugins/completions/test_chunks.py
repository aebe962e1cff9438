"""Reading what a model source answers: events divided anywhere, and chunks of providers that differ."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico_completions.replies.chunks import EventReader, ToolCalls, read_chunk


def data_of(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)})
    reader, found = EventReader(), []
    for begin, end in zip([0, *ends], ends, strict=False):
        found += reader.feed(stream[begin:end])
    return [*found, *reader.close()]


STREAM = (
    b': ping\n\ndata: {"a": 1}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\ndata:last'
)


@given(st.lists(st.integers(0, 200), max_size=20))
def test_events_are_found_wherever_the_stream_is_divided(places: list[int]) -> None:
    assert data_of(STREAM, places) == [b'{"a": 1}', b"one\ntwo", b"[DONE]", b"last"]


def test_every_byte_may_arrive_alone() -> None:
    stream = b"data: one\r\n\r\ndata: two\n\ndata: three\r\n\r\n"
    assert data_of(stream, list(range(len(stream)))) == [b"one", b"two", b"three"]


def test_event_that_is_too_long_is_left_out_and_the_next_is_read() -> None:
    reader = EventReader()
    piece = b"x" * 1024 * 1024
    assert not [data for _ in range(40) for data in reader.feed(b"data:" + piece)]
    assert list(reader.feed(b"data: y\n\ndata: z\n\n")) == [b"z"]


def test_event_in_many_blocks_is_read_in_linear_time() -> None:
    reader = EventReader()
    for _ in range(100_000):
        assert not list(reader.feed(b"x"))
    assert list(reader.feed(b"\n\ndata: y\n\n")) == [b"y"]


def chunk(**parts: Any) -> Any:
    found = read_chunk(json.dumps(parts).encode())
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("delta", "text", "thought"),
    [
        ({"content": "hi"}, "hi", ""),
        ({"content": None, "reasoning_content": "hm"}, "", "hm"),
        ({"reasoning": "hm"}, "", "hm"),
        ({"thinking": "hm"}, "", "hm"),
        ({"content": [{"type": "text", "text": "a"}, {"text": "b"}, 5]}, "ab", ""),
        ({"content": 5, "reasoning": {"a": 1}}, "", ""),
        ({"role": "assistant"}, "", ""),
    ],
)
def test_delta_has_the_text_and_the_reasoning(delta: Any, text: str, thought: str) -> None:
    found = chunk(choices=[{"index": 0, "delta": delta}]).delta
    assert (found.text, found.thought) == (text, thought)


@pytest.mark.parametrize(
    "payload", [b"null", b"[]", b"{", b"5", b'{"choices": 5}', b"\xff", b"[" * 100_000]
)
def test_unreadable_chunk_is_ignored(payload: bytes) -> None:
    assert read_chunk(payload) is None


@pytest.mark.parametrize(
    "parts", [{}, {"choices": None}, {"choices": []}, {"choices": [{"delta": None}]}]
)
def test_chunk_without_a_delta_has_none(parts: dict[str, Any]) -> None:
    assert chunk(**parts).delta is None


def test_nul_and_lone_surrogates_are_sanitized() -> None:
    found = read_chunk(rb'{"choices": [{"delta": {"content": "a\u0000b\ud83dc"}}]}')
    assert found is not None
    delta = found[0].delta
    assert delta is not None
    assert delta.text == "ab\ufffdc"
    assert b"u0000" not in found[1]


def test_tool_calls_are_collected_from_deltas() -> None:
    calls = ToolCalls()
    for delta in (
        [{"index": 1, "id": "b", "function": {"name": "two", "arguments": ""}}],
        [{"index": 0, "id": "a", "function": {"name": "one", "arguments": '{"x"'}}],
        [{"index": 0, "function": {"arguments": ": 1}"}}],
        [{"index": 1, "function": {"arguments": {"y": 2}}}],
    ):
        calls.add(chunk(choices=[{"delta": {"tool_calls": delta}}]).delta.tool_calls)
    assert calls.finished() == [("a", "one", '{"x": 1}'), ("b", "two", '{"y":2}')]


def test_tool_calls_are_limited() -> None:
    calls = ToolCalls()
    for index in range(1000):
        delta = {"tool_calls": [{"index": index, "function": {"arguments": "x" * 100_000}}]}
        calls.add(chunk(choices=[{"delta": delta}]).delta.tool_calls)
    found = calls.finished()
    assert len(found) == ToolCalls.MAX_CALLS
    assert sum(len(call.arguments) for call in found) <= ToolCalls.MAX_CHARS


@pytest.mark.parametrize(
    "odd",
    [
        5,
        "x",
        [None, 5, "x"],
        [{"index": None, "id": 5, "function": "x"}],
        [{"index": {"a": 1}, "function": {"name": 5, "arguments": None}}],
    ],
)
def test_tool_calls_of_other_shapes_do_not_hide_the_text(odd: Any) -> None:
    delta = chunk(choices=[{"delta": {"content": "hi", "tool_calls": odd}}]).delta
    assert delta.text == "hi"
    calls = ToolCalls()
    calls.add(delta.tool_calls)
    assert all(call == ("", "", "") for call in calls.finished())


def test_tool_calls_have_the_order_of_their_indexes() -> None:
    calls = ToolCalls()
    for index in (10**9, -1, 2.0, 2):
        calls.add([{"index": index, "id": "i" * 9999, "function": {"arguments": str(index)}}])
    assert [call.arguments for call in calls.finished()] == ["-1", "2.02", "1000000000"]
    assert {len(call.id) for call in calls.finished()} == {ToolCalls.MAX_NAME_CHARS}
