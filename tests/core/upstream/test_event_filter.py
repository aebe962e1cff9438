"""Filtering of streams whose events have names: responses and messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.upstream.event_filter import EventFilter


def event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


TEXTS = [event("content_block_delta", delta={"type": "text_delta", "text": text}) for text in ("süß ", "🙂", "!")]  # fmt: skip
LAST = event("message_stop")
STREAM = b"".join([*TEXTS, LAST])


def passed(blocks: list[bytes]) -> tuple[bytes, EventFilter]:
    """Everything a filter returns, and the filter."""
    event_filter = EventFilter()
    out = [event_filter.feed(block) for block in blocks]
    return b"".join([*out, *event_filter.close()]), event_filter


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@given(cuts=st.lists(st.integers(min_value=3, max_value=len(STREAM)), max_size=6))
def test_any_split_of_a_valid_stream_yields_the_same_bytes(mark: bytes, cuts: list[int]) -> None:
    stream = mark + STREAM
    places = [0, *sorted(cuts), len(stream)]
    out, event_filter = passed([stream[a:b] for a, b in zip(places, places[1:], strict=False)])
    assert out == STREAM
    assert event_filter.finished and event_filter.done and not event_filter.dropped


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("last", ["response.completed", "response.incomplete", "message_stop"])
def test_what_follows_the_last_event_is_dropped(last: str) -> None:
    out, event_filter = passed([TEXTS[0], event(last), b"data: {broken\n\n", event("error")])
    assert out == TEXTS[0] + event(last)
    assert event_filter.finished and not event_filter.dropped
    assert event_filter.upstream_error is None


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    "nothing", [b"data:\n\n", b": hello\n\n", b"data: null\n\n", b"id: 7\n\n", b"x: error\n\n"]
)
def test_event_that_carries_nothing_is_no_fault(nothing: bytes) -> None:
    _, event_filter = passed([TEXTS[0], nothing, LAST])
    assert event_filter.finished and not event_filter.dropped


@pytest.mark.case("FT-18")
def test_event_that_can_be_mended_is_mended() -> None:
    bad = b'event: x\ndata: {"type":"x","text":"a\xffb\x00"}\n\n'
    out, event_filter = passed([bad, LAST])
    assert out == 'event: x\ndata: {"type":"x","text":"a\ufffdb"}\n\n'.encode() + LAST
    assert not event_filter.dropped


@pytest.mark.case("FT-18")
def test_unreadable_event_is_removed_and_counted() -> None:
    out, event_filter = passed([TEXTS[0], b"data: {\xff\n\n", LAST])
    assert out == TEXTS[0] + LAST
    assert event_filter.dropped == 1


@pytest.mark.case("AB-44")
@pytest.mark.parametrize("kind", ["error", "response.failed"])
def test_error_is_not_passed_on(kind: str) -> None:
    out, event_filter = passed([TEXTS[0], event(kind, message="key sk-1"), LAST])
    assert out == TEXTS[0]
    assert b"sk-1" in (event_filter.upstream_error or b"")


@pytest.mark.case("FT-20")
def test_stream_without_a_last_event_is_not_finished() -> None:
    out, event_filter = passed([*TEXTS, TEXTS[0][:20]])
    assert out == b"".join(TEXTS)
    assert not event_filter.finished
