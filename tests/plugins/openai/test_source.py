"""One provider as a source: what it is sent, what comes back, and what becomes of its failures."""

import asyncio
import json
import logging
import socket
import time

import pytest
from tests.plugins.openai.requests import asked, settings, turn, with_source
from tests.upstream import DONE, GOOD, KEY, LEAK, Upstream, chunk, completion

from portico.api import DomainError, RateLimited, SourceFailed, SourceResponse, SourceTimedOut
from portico_openai.source import OpenAISource

ERROR = '"type":"upstream_error"'


def test_a_streamed_answer_passes_byte_for_byte(upstream: Upstream) -> None:
    reply, body = asked(settings(upstream.url), turn("good"))
    assert (reply.status, reply.content_type) == (200, "text/event-stream")
    assert body == b"".join(GOOD)


def test_a_whole_answer_passes_byte_for_byte(upstream: Upstream) -> None:
    reply, body = asked(settings(upstream.url), turn("good", stream=False))
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert body == completion()


def test_ab43_only_the_configured_key_and_headers_are_sent(upstream: Upstream) -> None:
    given = settings(upstream.url, key="sk-configured", options={"headers": {"X-Team": "blue"}})
    asked(given, turn("good", api_key="sk-mine", extra_headers={"authorization": "x"}))
    [request] = upstream.completions()
    assert request.headers["authorization"] == "Bearer sk-configured"
    assert request.headers["x-team"] == "blue"
    assert b"sk-mine" not in request.body
    assert "cookie" not in request.headers


def test_a_connection_without_authentication_sends_no_key(upstream: Upstream) -> None:
    asked(settings(upstream.url, options={"auth_type": "none"}), turn("good"))
    assert "authorization" not in upstream.completions()[0].headers


def test_a_prefix_is_added_to_ids_and_taken_off_again(upstream: Upstream) -> None:
    given = settings(upstream.url, options={"prefix_id": "lab"})
    [card] = with_source(given, OpenAISource.list_models)
    assert card.id == "lab.good"
    asked(given, turn("lab.good"))
    assert upstream.completions()[0].json["model"] == "good"


def test_models_named_by_the_operator_are_not_asked_for(upstream: Upstream) -> None:
    cards = with_source(
        settings(upstream.url, options={"model_ids": ["a", "b"], "access": "public"}),
        OpenAISource.list_models,
    )
    assert [(card.id, card.public) for card in cards] == [("a", True), ("b", True)]
    assert upstream.requests == []


@pytest.mark.parametrize("listing", ["junk", "500"])
def test_ab44_a_list_that_cannot_be_read_is_a_failure_that_says_nothing(
    upstream: Upstream, listing: str
) -> None:
    upstream.listing = listing
    with pytest.raises(SourceFailed) as failure:
        with_source(settings(upstream.url), OpenAISource.list_models)
    assert upstream.url not in failure.value.detail and KEY not in failure.value.detail


def test_ft17_a_list_that_does_not_come_is_given_up(upstream: Upstream) -> None:
    upstream.listing = "hang"
    with pytest.raises(SourceTimedOut):
        with_source(settings(upstream.url, list_timeout=0.1), OpenAISource.list_models)


def test_nobody_there_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(SourceFailed) as failure:
        asked(settings(url), turn("good"))
    assert failure.value.detail == "The model source 'openai' could not be reached."
    assert "127.0.0.1" not in caplog.text


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("status-401", SourceFailed),
        ("status-403", SourceFailed),
        ("status-500", SourceFailed),
        ("status-500-json", SourceFailed),
        ("status-502", SourceFailed),
        ("empty", SourceFailed),
        ("html", SourceFailed),
        ("status-429", RateLimited),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_ft19_ab44_failures_say_which_source_and_nothing_else(
    upstream: Upstream,
    model: str,
    kind: type[DomainError],
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(kind) as failure:
        asked(settings(upstream.url, key=KEY), turn(model, stream=stream))
    assert failure.value.detail.startswith("The model source 'openai' ")
    for text in (failure.value.detail, caplog.text):
        assert KEY not in text and "10.1.2.3" not in text and "Traceback" not in text
    if isinstance(failure.value, RateLimited):
        assert failure.value.retry_after == 7
    assert len(caplog.records) == 1


@pytest.mark.parametrize("model", ["status-400", "status-404"])
def test_ft19_what_is_about_the_request_passes_cleaned(upstream: Upstream, model: str) -> None:
    reply, body = asked(settings(upstream.url, key=KEY), turn(model))
    assert reply.status == int(model[-3:])
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert KEY not in error["message"] and "10.1.2.3" not in error["message"]


def test_not_a_completion_is_a_failure(upstream: Upstream) -> None:
    with pytest.raises(SourceFailed):
        asked(settings(upstream.url), turn("not-a-completion", stream=False))


def test_ab44_an_error_where_the_answer_should_begin_is_a_failure(upstream: Upstream) -> None:
    with pytest.raises(SourceFailed) as failure:
        asked(settings(upstream.url, key=KEY), turn("error-first"))
    assert LEAK not in failure.value.detail


@pytest.mark.parametrize("model", ["crlf", "comments", "no-done", "two-dones", "split"])
def test_ft18_what_is_only_unusual_passes_without_a_word(
    upstream: Upstream, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = asked(settings(upstream.url), turn(model))
    assert body.rstrip().endswith(b"data: [DONE]") and body.count(b"[DONE]") == 1
    assert b"late" not in body and b"error" not in body
    assert b"word4" in body
    assert caplog.records == []


@pytest.mark.parametrize(
    "model", ["broken-json", "nul", "invalid-utf-8", "choices-null", "delta-null"]
)
def test_ft18_garbage_is_left_out_and_reported_once(
    upstream: Upstream, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = asked(settings(upstream.url), turn(model))
    good, _, rest = body.partition(b'data: {"error"')
    assert good == b"".join(GOOD[:-1])
    assert rest.endswith(b"}\n\n" + DONE) and b"error" not in rest.replace(b"upstream_error", b"")
    assert len(caplog.records) == 1


def test_ft18_a_line_of_ten_megabytes_passes_the_network_too(upstream: Upstream) -> None:
    _, body = asked(settings(upstream.url), turn("huge-line"))
    assert len(body) > 10_000_000 and body.endswith(DONE)


def test_ft18_comments_alone_are_no_answer(upstream: Upstream) -> None:
    _, body = asked(settings(upstream.url), turn("comments-only"))
    assert ERROR in body.decode() and body.endswith(DONE)


def test_ab44_an_error_in_the_middle_is_told_in_our_words(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = asked(settings(upstream.url, key=KEY), turn("error-inside"))
    assert body.count(b"event") == 0
    assert body.decode().count(ERROR) == 1 and body.endswith(DONE)
    for text in (body.decode(), caplog.text):
        assert KEY not in text and "10.1.2.3" not in text


def test_ft20_a_stream_that_is_cut_ends_with_an_error_event(upstream: Upstream) -> None:
    _, body = asked(settings(upstream.url), turn("cut"))
    good, _, rest = body.partition(b'data: {"error"')
    assert good == b"".join(GOOD[:3])
    assert b"broke off its answer" in rest and rest.endswith(DONE)


def test_ft17_no_first_byte_is_a_timeout(upstream: Upstream) -> None:
    with pytest.raises(SourceTimedOut):
        asked(settings(upstream.url, first_byte_timeout=0.1), turn("silent"))
    upstream.wait_until_idle()


def test_ft17_silence_after_the_first_byte_is_an_error_event(upstream: Upstream) -> None:
    begun = time.monotonic()
    _, body = asked(settings(upstream.url, idle_timeout=0.2), turn("silence"))
    assert body.startswith(chunk("first "))
    assert b"did not answer in time" in body and body.endswith(DONE)
    assert time.monotonic() - begun < 2
    upstream.wait_until_idle()


def test_ft17_a_whole_answer_has_its_limit(upstream: Upstream) -> None:
    _, body = asked(settings(upstream.url, timeout=0.3), turn("endless"))
    assert b"did not answer in time" in body
    upstream.wait_until_idle()


def test_ft23_closing_a_reply_that_was_never_read_ends_the_call(upstream: Upstream) -> None:
    async def leave(source: OpenAISource) -> None:
        reply = await source.complete(turn("endless"))
        await reply.body.aclose()  # type: ignore[union-attr]
        await asyncio.to_thread(upstream.wait_until_idle)

    with_source(settings(upstream.url), leave)


@pytest.mark.parametrize("model", ["silent", "endless"])
def test_ft23_a_cancelled_question_ends_the_call(upstream: Upstream, model: str) -> None:
    async def leave(source: OpenAISource) -> None:
        replies: list[
            SourceResponse
        ] = []  # kept, so that no call ends because its response is collected

        async def ask() -> None:
            replies.append(await source.complete(turn(model)))
            async for _ in replies[0].body:  # type: ignore[union-attr]
                pass

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask()
        # Here, because the end of the session ends all its calls.
        await asyncio.to_thread(upstream.wait_until_idle)

    with_source(settings(upstream.url), leave)


def test_connections_are_used_again(upstream: Upstream) -> None:
    async def ask_often(source: OpenAISource) -> int:
        for _ in range(5):
            reply = await source.complete(turn("good"))
            async for _ in reply.body:  # type: ignore[union-attr]
                pass
        session = source._http()
        assert session.connector is not None
        return sum(map(len, session.connector._conns.values()))

    assert with_source(settings(upstream.url), ask_often) == 1


def test_a_redirect_does_not_take_the_key_along(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(SourceFailed):
        asked(settings(upstream.url), turn("redirect"))
    assert len(upstream.completions()) == 1
