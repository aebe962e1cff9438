"""Filtering of a stream, however the network splits it."""

import json

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
    st.just(b": still here\n\n"),
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
        b'data: {"choices":null}\n\n',
        b'data: {"choices":[{"index":0,"delta":null}]}\n\n',
        b'data: {"choices":[null]}\n\n',
        b'data: {"choices":{}}\n\n',
        b"data: 7\n\n",
        b"data: []\n\n",
        b"data:\n\n",
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xc3"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\x00"}}]}\n\n',
        b'data: {"choices":[]} {"choices":[]}\n\n',
        b'data: {"choices":[]},{"choices":[]}\n\n',
        b"what is this\n\n",
        b": \x00\n\n",
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_invalid_event_is_removed_and_counted(bad: bytes, together: bool) -> None:
    blocks = [GOOD[0], bad, *GOOD[1:]]
    out, sse_filter = passed([b"".join(blocks)] if together else blocks)
    assert out == STREAM
    assert sse_filter.dropped == 1


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
    for blocks in ([STREAM[:-14] + error + DONE], [STREAM[:-14], error, DONE]):
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
