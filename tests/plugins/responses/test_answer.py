"""Answers of chat completions as responses: whatever a source sends, the events are consistent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.api import RateLimited, SourceFailed
from portico.gateway import ChatAnswer, TokenUsage
from portico_responses.answer import ResponseTranslator
from portico_responses.form import parse_form

Chunk = dict[str, Any]


def translator(**form: Any) -> ResponseTranslator:
    data = {"input": "hi", **form}
    raw = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in data.items()}
    return ResponseTranslator(parse_form(raw), "m")


def events(block: bytes) -> list[Any]:
    return [json.loads(line[5:]) for line in block.decode().split("\n") if line.startswith("data:")]


def delta(finish: Any = None, **fields: Any) -> Chunk:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def run(chunks: list[Chunk], usage: TokenUsage | None = None, **form: Any) -> list[Any]:
    made = translator(**form)
    blocks = [made.begin()]
    blocks += [
        made.feed(msgspec.json.decode(json.dumps(chunk), type=ChatAnswer)) for chunk in chunks
    ]
    found = events(b"".join([*blocks, made.end(usage)]))
    assert found[-1]["response"] == json.loads(made.document())
    return found


def _without_late_arguments(item: Any, done: list[Any]) -> Any:
    """Arguments of a call may come after the next call has begun, when this one is done: then only the response has them."""
    for key in ("arguments", "input"):
        ended = done[[one["id"] for one in done].index(item["id"])]
        if key in item and item[key].startswith(ended[key]):
            item = item | {key: ended[key]}
    return item


def check(found: list[Any]) -> None:
    """Check what clients rely on: numbers, indexes, and that each item is begun, ended and in the response."""
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    open_items: dict[int, str] = {}
    done = []
    texts: dict[Any, str] = {}
    for event in found:
        kind, index = event["type"], event.get("output_index")
        if kind == "response.output_item.added":
            assert index == len(open_items)
            open_items[index] = event["item"]["id"]
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == open_items[index]
            done.append(event["item"])
        elif kind.endswith(".delta"):
            place = index, event.get("content_index"), kind.removesuffix(".delta")
            texts[place] = texts.get(place, "") + event["delta"]
        elif kind.endswith("text.done"):
            place = index, event["content_index"], kind.removesuffix(".done")
            assert texts[place] == event["text"]
    whole = found[-1]["response"]["output"]
    assert [_without_late_arguments(one, done) for one in whole] == done


pieces = st.fixed_dictionaries(
    {},
    optional={
        "content": st.one_of(st.none(), st.text(max_size=5), st.integers(), st.just([])),
        "reasoning_content": st.one_of(st.none(), st.text(max_size=5)),
        "refusal": st.one_of(st.none(), st.text(max_size=3)),
        "tool_calls": st.one_of(
            st.none(),
            st.lists(
                st.one_of(
                    st.none(),
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "index": st.one_of(st.none(), st.integers(0, 2), st.text(max_size=2)),
                            "id": st.one_of(st.none(), st.text(max_size=3), st.integers()),
                            "function": st.one_of(
                                st.none(),
                                st.fixed_dictionaries(
                                    {},
                                    optional={
                                        "name": st.one_of(st.none(), st.sampled_from("ab")),
                                        "arguments": st.one_of(st.none(), st.text(max_size=4)),
                                    },
                                ),
                            ),
                        },
                    ),
                ),
                max_size=3,
            ),
        ),
    },
)


@given(st.lists(pieces, max_size=8), st.sampled_from([None, "stop", "length", "odd", 3]))
def test_events_of_any_chunks_are_consistent(said: list[Any], finish: Any) -> None:
    tools = [{"type": "custom", "name": "a"}]
    check(run([*(delta(**one) for one in said), delta(finish)], tools=tools))


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        (None, "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_finish_reason_becomes_the_status(finish: str, status: str, reason: str | None) -> None:
    last = run([delta(content="hi"), delta(finish)])[-1]
    response = last["response"]
    assert (last["type"], response["status"]) == (f"response.{status}", status)
    assert response["incomplete_details"] == ({"reason": reason} if reason else None)
    assert response["output"][0]["status"] == status


def test_request_is_sent_back_without_the_prompt_of_the_preset() -> None:
    usage = TokenUsage(input_tokens=5, output_tokens=3, cached_tokens=2, reasoning_tokens=1)
    form = {"instructions": "mine", "metadata": {"a": "b"}, "temperature": 0.5, "store": None}
    response = run([delta(content="hi")], usage, **form)[-1]["response"]
    assert (response["instructions"], response["metadata"]) == ("mine", {"a": "b"})
    assert response["temperature"] == 0.5 and response["store"] is False
    assert response["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 8,
    }
    assert run([delta(content="hi")])[-1]["response"]["usage"] is None


def test_call_of_a_custom_tool_has_its_input_as_text() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "patch", "arguments": '{"input": "a\\n'}}
    more = {"index": 0, "function": {"arguments": 'b"}'}}
    tools = [{"type": "custom", "name": "patch"}]
    found = run([delta(tool_calls=[call]), delta(tool_calls=[more])], tools=tools)
    item = found[-1]["response"]["output"][0]
    assert (item["type"], item["input"], item["call_id"]) == ("custom_tool_call", "a\nb", "c")
    kinds = [event["type"] for event in found if "custom" in event["type"]]
    assert kinds == [f"response.custom_tool_call_input.{end}" for end in ("delta", "done")]


@pytest.mark.parametrize("logprobs", [b"1e400", b"[1]", b'{"content":5}', b'{"content":[1e400]}'])
def test_logprobs_that_are_none_are_left_out(logprobs: bytes) -> None:
    chunk = b'{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":' + logprobs + b"}]}"
    said = translator().feed(msgspec.json.decode(chunk, type=ChatAnswer))
    [one] = [event for event in events(said) if event["type"] == "response.output_text.delta"]
    assert (one["delta"], one["logprobs"]) == ("x", [])


def test_logprobs_are_in_the_deltas_and_the_part() -> None:
    entry = {"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}
    chunk = delta(content="hi")
    chunk["choices"][0]["logprobs"] = {"content": [entry]}
    found = run([chunk])
    deltas = [event for event in found if event["type"] == "response.output_text.delta"]
    assert deltas[0]["logprobs"] == [entry]
    assert found[-1]["response"]["output"][0]["content"][0]["logprobs"] == [entry]


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceFailed("It broke."), "server_error"), (RateLimited(1, "Slow."), "rate_limit_exceeded")],
)
def test_failure_within_the_answer_is_its_last_event(error: Any, code: str) -> None:
    made = translator()
    made.begin()
    made.feed(msgspec.json.decode(json.dumps(delta(content="half")), type=ChatAnswer))
    (last,) = events(made.fail(error))
    assert last["type"] == "response.failed" and last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": code, "message": error.detail}
    assert last["response"]["output"][0]["content"][0]["text"] == "half"
