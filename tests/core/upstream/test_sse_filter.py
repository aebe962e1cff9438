"""Filtering of a stream, however the network splits it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import GOOD, chunk

from portico.upstream import sse_filter as sse_filter_module
from portico.upstream.sse_filter import DONE, SSEFilter

STREAM = b"".join(GOOD)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
events = st.one_of(
    texts.map(chunk),
    texts.map(lambda text: chunk(text).replace(b"data: ", b"data:")),
    texts.map(
        lambda text: json.dumps(json.loads(chunk(text)[6:]), ensure_ascii=False).encode()
    ).map(lambda document: b"data: " + document + b"\n\n"),
    st.just(b'event: note\ndata: {"sources": []}\n\n'),
    st.just(chunk(usage={"total_tokens": 3})),
)
streams = st.lists(events, max_size=8).map(
    lambda some: b"".join([*some, chunk(finish="stop"), DONE])
)


def passed(blocks: list[bytes]) -> tuple[bytes, SSEFilter]:
    """Everything a filter returns, and the filter."""
    sse_filter = SSEFilter()
    out = [sse_filter.feed(block) for block in blocks]
    return b"".join([*out, *sse_filter.close()]), sse_filter


def in_blocks(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in zip(places, places[1:], strict=False) if a < b]


@pytest.mark.case("FT-18")
@given(streams, st.lists(st.integers(min_value=0), max_size=6))
def test_any_split_of_a_valid_stream_yields_the_same_bytes(stream: bytes, cuts: list[int]) -> None:
    out, sse_filter = passed(in_blocks(stream, cuts))
    assert out == stream
    assert sse_filter.is_intact and sse_filter.finished


@pytest.mark.case("FT-18")
@given(st.lists(events, max_size=5), st.lists(st.integers(min_value=0), max_size=6))
def test_windows_line_ends_pass_in_any_split(some: list[bytes], cuts: list[int]) -> None:
    stream = b"".join([*some, chunk(finish="stop")]).replace(b"\n", b"\r\n")
    out, sse_filter = passed(in_blocks(stream + DONE, cuts))
    assert out == stream + DONE
    assert sse_filter.is_intact


@pytest.mark.case("FT-18")
@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=6))
def test_filter_never_raises_for_any_bytes(garbage: bytes, cuts: list[int]) -> None:
    out, _ = passed(in_blocks(chunk("a") + garbage + b"\n\n" + STREAM, cuts))
    assert out.startswith(chunk("a"))
    assert out.endswith(DONE) and out.count(DONE) == 1
    out.decode()
    assert b"\x00" not in out


def test_block_of_valid_events_passes_unchanged() -> None:
    sse_filter = SSEFilter()
    assert sse_filter.feed(STREAM) is STREAM
    assert sse_filter.done


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    "bad",
    [
        b"data: {not json\n\n",
        b'data: {"choices":[7]}\n\n',
        b'data: {"choices":{"0":{}}}\n\n',
        b'data: {"choices":[{"delta":"text"}]}\n\n',
        b"data: 7\n\n",
        b'data: {"choices":[]} {"choices":[]}\n\n',
        b'data: {"choices":[]},{"choices":[]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_unreadable_event_is_removed_and_counted(bad: bytes, together: bool) -> None:
    blocks = [GOOD[0], bad, *GOOD[1:]]
    out, sse_filter = passed([b"".join(blocks)] if together else blocks)
    assert out == STREAM
    assert sse_filter.dropped == 1


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    "nothing",
    [
        b"data:\n\n",
        b"data: \n\n",
        b"data: null\n\n",
        b"data: {}\n\n",
        b"data: []\n\n",
        b'data: {"error": {}}\n\n',
        b": still here\n\n",
        b": \x00\n\n",
        b"what is this\n\n",
        b"foo: bar\n\n",
        b"id: 7\n\n",
        b"retry: 3000\n\n",
        b"event: ping\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "ping"}\n\n',
        b"\xef\xbb\xbf\n\n",
        b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("place", [0, 1, len(GOOD) - 1])
@pytest.mark.parametrize("together", [True, False])
def test_event_that_carries_nothing_is_removed_silently(
    nothing: bytes, place: int, together: bool
) -> None:
    blocks = [*GOOD[:place], nothing, *GOOD[place:]]
    out, sse_filter = passed([b"".join(blocks)] if together else blocks)
    assert out == STREAM
    assert sse_filter.is_intact and sse_filter.finished


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """The chunks in a stream."""
    return [
        json.loads(event.removeprefix(b"data: "))
        for event in stream.removesuffix(DONE).split(b"\n\n")
        if event
    ]


def text_of(stream: bytes, index: int = 0, field: str = "content") -> str:
    """The text that a client puts together."""
    return "".join(
        choice["delta"].get(field) or ""
        for chunk in data_of(stream)
        for choice in chunk["choices"]
        if choice.get("index", 0) == index
    )


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    ("event", "mended"),
    [
        (b'{"choices":null,"usage":{"total_tokens":3}}', {"choices": [], "usage": {"total_tokens": 3}}),
        (b'{"choices":[{"index":0,"delta":null}]}', {"choices": [{"index": 0, "delta": {}}]}),
        (b'{"choices":[null],"id":"c"}', {"choices": [], "id": "c"}),
        (b'{"choices":{},"id":"c"}', {"choices": [], "id": "c"}),
        (b'{"choices":[{"delta":{"content":"a\x00b"}}]}', {"choices": [{"delta": {"content": "ab"}}]}),
        (b'{"choices":[{"delta":{"content":"a\xffb"}}]}', {"choices": [{"delta": {"content": "a\ufffdb"}}]}),
        (b'{"choices":[{"delta":{"content":"a\tb"}}]}', {"choices": [{"delta": {"content": "a\tb"}}]}),
        (b'{"choices":[{"delta":{"content":"a\\ude00b"}}]}', {"choices": [{"delta": {"content": "a\ufffdb"}}]}),
        (b'{"choices":[{"delta":{"content":"a"}}],"error":""}', {"choices": [{"delta": {"content": "a"}}]}),
        (
            b'{"choices":[{"delta":{"content":"a"}}],"error":{"message":"","code":null}}',
            {"choices": [{"delta": {"content": "a"}}]},
        ),
    ],
)  # fmt: skip
def test_event_that_can_be_mended_is_mended(event: bytes, mended: Any) -> None:
    out, sse_filter = passed([GOOD[0], b"data: " + event + b"\n\n", *GOOD[1:]])
    assert data_of(out)[1] == mended
    assert sse_filter.is_intact and sse_filter.finished


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{"tool_calls":null,"content":null}}],"usage":null}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"},"index":null,"finish_reason":null}]}\n\n',
        b'id: 7\nevent: message\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n',
    ],
)
def test_event_with_null_passes_unchanged(event: bytes) -> None:
    out, sse_filter = passed([event, STREAM])
    assert out == event + STREAM
    assert sse_filter.is_intact


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    ("halves", "text"),
    [
        ([rb"Trip \ud83d", rb"\ude00!"], "Trip 😀!"),
        ([b"\xf0\x9f", b"\x98\x80"], "😀"),
        ([b"\xf0", b"\x9f", b"\x98", b"\x80 and \xc3", b"\xbc"], "😀 and ü"),
        ([rb"\ud83d", rb"plain"], "\ufffdplain"),
        ([rb"one \ud83d"], "one \ufffd"),
        ([rb"\ude00 two"], "\ufffd two"),
        ([rb"\ud83d", b"", rb"\ude00"], "😀"),
        ([rb"\ud83d\ud83d", rb"\ude00"], "\ufffd😀"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_halves_of_characters_are_joined_or_mended(
    halves: list[bytes], text: str, together: bool
) -> None:
    blocks = [
        b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % half for half in halves
    ]
    blocks += [chunk(finish="stop"), DONE]
    out, sse_filter = passed([b"".join(blocks)] if together else blocks)
    assert text_of(out) == text
    assert sse_filter.is_intact and sse_filter.finished


@pytest.mark.case("FT-18")
def test_halves_of_characters_are_joined_per_choice() -> None:
    event = b'data: {"choices":[{"index":%d,"delta":{"content":"%b"}}]}\n\n'
    halves = [(0, rb"\ud83d"), (1, rb"x \ud83d"), (0, rb"\ude00"), (1, rb"\ude01")]
    out, _ = passed([event % half for half in halves])
    assert (text_of(out), text_of(out, 1)) == ("😀", "x 😁")


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@given(cuts=st.lists(st.integers(min_value=0), max_size=6))
def test_any_line_end_and_a_byte_order_mark_are_read(
    end: bytes, mark: bytes, cuts: list[int]
) -> None:
    stream = mark + STREAM.replace(b"\n", end)
    out, sse_filter = passed(in_blocks(stream, cuts))
    assert text_of(out.replace(b"\r\n", b"\n")) == text_of(STREAM)
    assert sse_filter.is_intact and sse_filter.done


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("trouble", [b"data: {\n\n", b'data: {"error": "late"}\n\n', b"data: {"])
def test_trouble_after_the_finish_reason_is_ignored(trouble: bytes) -> None:
    for blocks in ([STREAM[:-14] + trouble], [*GOOD[:-1], trouble]):
        out, sse_filter = passed(blocks)
        assert out == STREAM
        assert sse_filter.is_intact


@pytest.mark.case("FT-18")
def test_answer_is_finished_when_all_choices_are() -> None:
    event = b'data: {"choices":[{"index":%d,"delta":{},"finish_reason":%b}]}\n\n'
    sse_filter = SSEFilter()
    for index, reason, finished in ((0, b"null", False), (1, b'""', False), (0, b'"stop"', False), (1, b'"stop"', True)):  # fmt: skip
        sse_filter.feed(event % (index, reason))
        assert sse_filter.finished is finished


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("together", [True, False])
def test_finish_reason_in_every_chunk_is_not_the_end(together: bool) -> None:
    events = [chunk(f"word{number} ", finish="stop") for number in range(5)]
    sse_filter = SSEFilter()
    for block in [b"".join(events)] if together else events:
        sse_filter.feed(block)
    assert not sse_filter.finished
    assert sse_filter.feed(DONE) == DONE and sse_filter.is_intact


@pytest.mark.case("FT-18")
def test_end_without_its_blank_line_is_recognised() -> None:
    sse_filter = SSEFilter()
    assert sse_filter.feed(chunk("a") + b"data: [DONE]\n") == chunk("a") + DONE
    assert sse_filter.done


@pytest.mark.case("FT-18")
def test_event_across_a_blank_line_counts_as_two_invalid_events() -> None:
    out, sse_filter = passed([b'data: {"choices":[{}\n\ndata: {}]}\n\n' + STREAM])
    assert out == STREAM
    assert sse_filter.dropped == 2


@pytest.mark.case("FT-18")
def test_character_split_between_blocks_passes() -> None:
    stream = b"data: " + '{"choices":[{"delta":{"content":"🙂"}}]}'.encode() + b"\n\n" + DONE
    out, sse_filter = passed([stream[:38], stream[38:]])
    assert out == stream
    assert sse_filter.is_intact


@pytest.mark.case("FT-18")
def test_events_after_the_end_are_dropped() -> None:
    out, sse_filter = passed([STREAM + DONE + chunk("late"), chunk("later")])
    assert out == STREAM
    assert sse_filter.is_intact


@pytest.mark.case("FT-18")
def test_missing_end_is_added() -> None:
    out, sse_filter = passed([chunk("a"), chunk(finish="stop")])
    assert out == chunk("a") + chunk(finish="stop") + DONE
    assert sse_filter.finished


def test_last_event_without_blank_line_passes() -> None:
    out, _ = passed([chunk("a").rstrip()])
    assert out == chunk("a") + DONE


def test_incomplete_last_event_is_dropped() -> None:
    out, sse_filter = passed([chunk("a"), chunk("b")[:20]])
    assert out == chunk("a") + DONE
    assert sse_filter.dropped == 1


def test_end_is_delayed_if_an_event_was_removed() -> None:
    sse_filter = SSEFilter()
    assert sse_filter.feed(b"data: {\n\n" + chunk("a") + DONE) == chunk("a")
    assert sse_filter.done
    assert sse_filter.close() == (b"", DONE)


@pytest.mark.case("AB-44")
def test_error_inside_a_stream_is_not_passed_on() -> None:
    error = b'data: {"error": {"message": "my key is sk-1"}}\n\n'
    for blocks in ([GOOD[0] + error + b"".join(GOOD[1:])], [GOOD[0], error, *GOOD[1:]]):
        out, sse_filter = passed(blocks)
        assert out == STREAM
        assert sse_filter.upstream_error == error[6:-2]


@pytest.mark.case("AB-44")
def test_event_named_error_is_an_error() -> None:
    out, sse_filter = passed([b'event: error\ndata: {"message": "no"}\n\n', STREAM])
    assert out == STREAM
    assert sse_filter.upstream_error == b'{"message": "no"}'


def test_null_error_is_not_an_error() -> None:
    event = chunk("a", error=None)
    out, sse_filter = passed([event + DONE])
    assert out == event + DONE
    assert sse_filter.is_intact


@pytest.mark.case("AB-44")
def test_event_that_is_not_a_chunk_is_redacted() -> None:
    sse_filter = SSEFilter(lambda data: data.replace(b"secret", b"[hidden]"))
    assert sse_filter.feed(b'data: {"notice": "secret"}\n\n') == b'data: {"notice": "[hidden]"}\n\n'


@pytest.mark.case("FT-18")
def test_endless_event_is_dropped_and_the_next_one_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse_filter_module, "MAX_EVENT_BYTES", 1000)
    huge = chunk("x" * 5000)
    blocks = [huge[n : n + 100] for n in range(0, len(huge), 100)]
    out, sse_filter = passed([chunk("a"), *blocks[:-1], blocks[-1] + chunk("b"), DONE])
    assert out == chunk("a") + chunk("b") + DONE
    assert sse_filter.dropped == 1
    assert sse_filter._held_bytes == 0


@pytest.mark.case("FT-18")
def test_ten_megabyte_line_passes() -> None:
    huge = chunk("x" * 10_000_000)
    blocks = [huge[n : n + 65536] for n in range(0, len(huge), 65536)]
    out, sse_filter = passed([*blocks, DONE])
    assert out == huge + DONE
    assert sse_filter.is_intact
