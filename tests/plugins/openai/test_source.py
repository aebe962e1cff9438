"""One provider as a source: requests, responses and errors."""

import asyncio
import json
import logging
import socket

import pytest
from tests.plugins.openai.requests import complete, settings, with_source
from tests.source_calls import source_request
from tests.upstream import BEHAVIOURS, DONE, GOOD, KEY, LEAK, Upstream, answering, chunk, completion

from portico.api import DomainError, RateLimited, SourceFailed, SourceTimedOut
from portico.api.models import SourceResponse
from portico_openai.source import OpenAISource

ERROR = '"type":"upstream_error"'


def test_streamed_response_passes_byte_for_byte(upstream: Upstream) -> None:
    reply, body = complete(settings(upstream.url), source_request("good"))
    assert (reply.status, reply.content_type) == (200, "text/event-stream")
    assert body == b"".join(GOOD)


def test_complete_response_passes_byte_for_byte(upstream: Upstream) -> None:
    reply, body = complete(settings(upstream.url), source_request("good", stream=False))
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert body == completion()


@pytest.mark.case("AB-43")
def test_only_the_configured_key_and_headers_are_sent(upstream: Upstream) -> None:
    given = settings(upstream.url, key="sk-configured", options={"headers": {"X-Team": "blue"}})
    complete(given, source_request("good", api_key="sk-mine", extra_headers={"authorization": "x"}))
    [request] = upstream.completions()
    assert request.headers["authorization"] == "Bearer sk-configured"
    assert request.headers["x-team"] == "blue"
    assert b"sk-mine" not in request.body
    assert "cookie" not in request.headers


def test_headers_of_a_connection_replace_others_in_any_case(upstream: Upstream) -> None:
    headers = {"user-agent": "own", "CONTENT-TYPE": "application/json; v=2"}
    complete(settings(upstream.url, options={"headers": headers}), source_request("good"))
    sent = upstream.completions()[0]
    assert (sent.headers["user-agent"], sent.headers["content-type"]) == tuple(headers.values())
    assert sent.names.count("user-agent") == sent.names.count("content-type") == 1


def test_connection_without_authentication_sends_no_key(upstream: Upstream) -> None:
    complete(settings(upstream.url, options={"auth_type": "none"}), source_request("good"))
    assert "authorization" not in upstream.completions()[0].headers


def test_prefix_is_added_to_ids_and_removed_from_requests(upstream: Upstream) -> None:
    given = settings(upstream.url, options={"prefix_id": "lab"})
    [card] = with_source(given, OpenAISource.list_models)
    assert card.id == "lab.good"
    complete(given, source_request("lab.good"))
    assert upstream.completions()[0].json["model"] == "good"


def test_configured_model_ids_replace_the_list_request(upstream: Upstream) -> None:
    cards = with_source(
        settings(upstream.url, options={"model_ids": ["a", "b"], "access": "public"}),
        OpenAISource.list_models,
    )
    assert [(card.id, card.public) for card in cards] == [("a", True), ("b", True)]
    assert upstream.requests == []


@pytest.mark.case("AB-44")
@pytest.mark.parametrize("listing", ["junk", "500"])
def test_unreadable_list_fails_without_details(upstream: Upstream, listing: str) -> None:
    upstream.listing = listing
    with pytest.raises(SourceFailed) as failure:
        with_source(settings(upstream.url), OpenAISource.list_models)
    assert upstream.url not in failure.value.detail and KEY not in failure.value.detail


@pytest.mark.case("FT-17")
def test_list_request_has_a_time_limit(upstream: Upstream) -> None:
    upstream.listing = "hang"
    with pytest.raises(SourceTimedOut):
        with_source(settings(upstream.url, list_timeout=0.1), OpenAISource.list_models)


def test_unreachable_provider_fails(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(SourceFailed) as failure:
        complete(settings(url), source_request("good"))
    assert failure.value.detail == "The model source 'openai' could not be reached."
    assert "127.0.0.1" not in caplog.text


@pytest.mark.case("FT-19")
@pytest.mark.case("AB-44")
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
def test_errors_name_the_source_and_nothing_else(
    upstream: Upstream,
    model: str,
    kind: type[DomainError],
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(kind) as failure:
        complete(settings(upstream.url, key=KEY), source_request(model, stream=stream))
    assert failure.value.detail.startswith("The model source 'openai' ")
    for text in (failure.value.detail, caplog.text):
        assert KEY not in text and "10.1.2.3" not in text and "Traceback" not in text
    if isinstance(failure.value, RateLimited):
        assert failure.value.retry_after == 7
    assert len(caplog.records) == 1


@pytest.mark.case("FT-19")
@pytest.mark.parametrize("model", ["status-400", "status-404"])
def test_errors_about_the_request_pass_redacted(upstream: Upstream, model: str) -> None:
    reply, body = complete(settings(upstream.url, key=KEY), source_request(model))
    assert reply.status == int(model[-3:])
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert KEY not in error["message"] and "10.1.2.3" not in error["message"]


def test_response_that_is_not_a_completion_fails(upstream: Upstream) -> None:
    with pytest.raises(SourceFailed):
        complete(settings(upstream.url), source_request("not-a-completion", stream=False))


@pytest.mark.case("AB-44")
def test_error_at_the_start_of_a_stream_fails(upstream: Upstream) -> None:
    with pytest.raises(SourceFailed) as failure:
        complete(settings(upstream.url, key=KEY), source_request("error-first"))
    assert LEAK not in failure.value.detail


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("model", ["crlf", "comments", "no-done", "two-dones", "split"])
def test_unusual_but_valid_streams_pass(
    upstream: Upstream, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = complete(settings(upstream.url), source_request(model))
    assert body.rstrip().endswith(b"data: [DONE]") and body.count(b"[DONE]") == 1
    assert b"late" not in body and b"error" not in body
    assert b"word4" in body
    assert caplog.records == []


@pytest.mark.case("FT-18")
def test_unreadable_event_is_removed_and_reported_once(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = complete(settings(upstream.url), source_request("broken-json"))
    good, _, rest = body.partition(b'data: {"error"')
    assert good == b"".join(GOOD[:-1])
    assert rest.endswith(b"}\n\n" + DONE) and b"error" not in rest.replace(b"upstream_error", b"")
    assert len(caplog.records) == 1


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    ("model", "mended"),
    [("nul", "ab"), ("invalid-utf-8", "\ufffd"), ("choices-null", None), ("delta-null", None)],
)
def test_readable_event_is_mended_without_a_report(
    upstream: Upstream, model: str, mended: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = complete(settings(upstream.url), source_request(model))
    assert body.startswith(b"".join(GOOD[:2])) and body.endswith(b"".join(GOOD[2:]))
    [event] = body.removeprefix(b"".join(GOOD[:2])).removesuffix(b"".join(GOOD[2:])).split(b"\n\n")[:-1]  # fmt: skip
    choices = json.loads(event.removeprefix(b"data: "))["choices"]
    assert [choice["delta"].get("content") for choice in choices] == ([mended] if model != "choices-null" else [])  # fmt: skip
    assert caplog.records == []


@pytest.mark.case("FT-18")
def test_ten_megabyte_line_passes_the_network(upstream: Upstream) -> None:
    _, body = complete(settings(upstream.url), source_request("huge-line"))
    assert len(body) > 10_000_000 and body.endswith(DONE)


@pytest.mark.case("FT-18")
def test_stream_of_comments_only_fails(upstream: Upstream) -> None:
    _, body = complete(settings(upstream.url), source_request("comments-only"))
    assert ERROR in body.decode() and body.endswith(DONE)


@pytest.mark.case("AB-44")
def test_error_inside_a_stream_is_replaced_by_our_text(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    _, body = complete(settings(upstream.url, key=KEY), source_request("error-inside"))
    assert body.count(b"event") == 0
    assert body.decode().count(ERROR) == 1 and body.endswith(DONE)
    for text in (body.decode(), caplog.text):
        assert KEY not in text and "10.1.2.3" not in text


@pytest.mark.case("FT-20")
def test_cut_stream_ends_with_an_error_event(upstream: Upstream) -> None:
    _, body = complete(settings(upstream.url), source_request("cut"))
    good, _, rest = body.partition(b'data: {"error"')
    assert good == b"".join(GOOD[:3])
    assert b"broke off its answer" in rest and rest.endswith(DONE)


@pytest.mark.case("FT-17")
def test_missing_first_byte_is_a_timeout(upstream: Upstream) -> None:
    with pytest.raises(SourceTimedOut):
        complete(settings(upstream.url, first_byte_timeout=0.1), source_request("silent"))
    upstream.wait_until_idle()


@pytest.mark.case("FT-17")
def test_silence_after_the_first_byte_is_an_error_event(upstream: Upstream) -> None:
    _, body = complete(settings(upstream.url, idle_timeout=0.2), source_request("silence"))
    assert body.startswith(chunk("first "))
    assert b"did not answer in time" in body and body.endswith(DONE)
    upstream.wait_until_idle()


@pytest.mark.case("FT-17")
def test_complete_response_has_a_time_limit(upstream: Upstream) -> None:
    _, body = complete(settings(upstream.url, timeout=0.3), source_request("endless"))
    assert b"did not answer in time" in body
    upstream.wait_until_idle()


@pytest.mark.case("FT-23")
def test_closing_an_unread_response_closes_the_connection(upstream: Upstream) -> None:
    async def leave(source: OpenAISource) -> None:
        reply = await source.complete(source_request("endless"))
        await reply.body.aclose()  # type: ignore[union-attr]
        await asyncio.to_thread(upstream.wait_until_idle)

    with_source(settings(upstream.url), leave)


@pytest.mark.case("FT-23")
@pytest.mark.parametrize("model", ["silent", "endless"])
def test_cancelled_request_closes_the_connection(upstream: Upstream, model: str) -> None:
    async def leave(source: OpenAISource) -> None:
        replies: list[
            SourceResponse
        ] = []  # referenced, so that no connection is closed by garbage collection

        async def ask() -> None:
            replies.append(await source.complete(source_request(model)))
            async for _ in replies[0].body:  # type: ignore[union-attr]
                pass

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask()
        # Checked here, because the end of the session closes all its connections.
        await asyncio.to_thread(upstream.wait_until_idle)

    with_source(settings(upstream.url), leave)


def test_connections_are_reused(upstream: Upstream) -> None:
    async def ask_often(source: OpenAISource) -> int:
        for _ in range(5):
            reply = await source.complete(source_request("good"))
            async for _ in reply.body:  # type: ignore[union-attr]
                pass
        return len(source._http._pool)

    assert with_source(settings(upstream.url), ask_often) == 1


def test_redirect_does_not_forward_the_key(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(SourceFailed):
        complete(settings(upstream.url), source_request("redirect"))
    assert len(upstream.completions()) == 1


@pytest.mark.case("FT-17")
def test_password_in_the_address_beside_a_key_is_no_internal_error(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    url = upstream.url.replace("//", "//user:secret@")
    with pytest.raises(SourceFailed):
        complete(settings(url), source_request("good"))
    assert "the address or a header is not valid" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hi", "hi"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"half \ud83d", "half \ufffd"),
        (b"bad \xff", "bad \ufffd"),
        (b"tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_whole_answer_is_mended(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, content: bytes, text: str
) -> None:
    body = (
        b'\xef\xbb\xbf{"choices":[{"message":{"content":"%b"}}],"error":{},"usage":null}' % content
    )
    monkeypatch.setitem(BEHAVIOURS, "mended", answering(body))
    _, answer = complete(settings(upstream.url), source_request("mended", stream=False))
    assert json.loads(answer)["choices"][0]["message"]["content"] == text
