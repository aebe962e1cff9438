"""What a provider may do wrong: what the client gets, what is stored in the chat, and what is logged."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests import upstream as behaviours
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import (
    DONE,
    GOOD,
    KEY,
    LEAK,
    WORDS,
    Behaviour,
    Connection,
    Upstream,
    answering,
    chunk,
    delta,
    streaming,
)

from portico.testing import Client, Response
from portico.upstream import stream_relay

BEGIN, END = b"".join(GOOD[:2]), b"".join(GOOD[2:])
TEXT = "".join(WORDS)
BROKE_OFF = "The model source 'openai' broke off its answer."
NOT_IN_TIME = "The model source 'openai' did not answer in time."
FAILED = "The model source 'openai' failed while it answered."
MISSING = "Parts of the response of the model source 'openai' could not be read and are missing."
UNREADABLE = "The model source 'openai' sent a response that cannot be read."
ERROR = "The model source 'openai' answered with an error."
REJECTED = "The model source 'openai' rejected the credentials of this server."
LIMITED = "The model source 'openai' is over its rate limit."


def held_after(*blocks: bytes) -> Behaviour:
    """Send this, and keep the connection open."""

    async def behave(connection: Connection) -> None:
        await connection.begin()
        for block in blocks:
            await connection.send(block)
        await connection.until_disconnect()

    return behave


def cut_after(*blocks: bytes) -> Behaviour:
    """Send this, and break the connection."""

    async def behave(connection: Connection) -> None:
        await connection.begin()
        for block in blocks:
            await connection.send(block)
        connection.writer.close()

    return behave


def event(text: bytes) -> bytes:
    """Return one event whose data are these bytes."""
    return b"data: " + text + b"\n\n"


def refusal(body: object, status: int) -> Behaviour:
    return answering(json.dumps(body).encode(), status)


class Fault(NamedTuple):
    """What a provider does, and what becomes of it.

    `text`: that the client gets and that is stored. `error`: the sentence at its end, or with a `status` instead of it.
    `log`: the beginning of the only line in the log; empty = none.
    """

    behaviour: Behaviour
    text: str = TEXT
    error: str = ""
    log: str = ""
    status: int = 200


FAULTS: dict[str, Fault] = {
    # -- what is unusual, but whole
    "crlf": Fault(streaming(b"".join(GOOD).replace(b"\n", b"\r\n"))),
    "lone cr": Fault(streaming(b"".join(GOOD).replace(b"\n", b"\r"))),
    "byte order mark": Fault(streaming(b"\xef\xbb\xbf" + BEGIN, END)),
    "one byte after the other": Fault(streaming(*[bytes([b]) for b in b"".join(GOOD)])),
    "large event": Fault(
        streaming(BEGIN, chunk("x" * 10_000_000), END), WORDS[0] + WORDS[1] + "x" * 10_000_000 + "".join(WORDS[2:])
    ),
    "no end": Fault(streaming(*GOOD[:-1])),
    "two ends": Fault(streaming(*GOOD, DONE, chunk("late"))),
    "no blank line at the end": Fault(streaming(BEGIN, END[:-2])),
    "another content type": Fault(answering(b"".join(GOOD), 200, "text/plain")),
    "stream as JSON": Fault(answering(b"".join(GOOD), 200, "application/json")),
    "keep-alives": Fault(
        streaming(b": hello\n\n", BEGIN, b"data:\n\n", b"event: ping\ndata: {}\n\n", b"id: 7\n\n", b"x: y\n\n", END)
    ),
    "null choices": Fault(streaming(BEGIN, END[:-14], event(b'{"choices":null,"usage":{"total_tokens":3}}'), DONE)),
    "null delta": Fault(
        streaming(BEGIN, event(b'{"choices":[{"index":0,"delta":null,"finish_reason":null}]}'), END)
    ),
    "nulls": Fault(
        streaming(BEGIN, delta(content=None, tool_calls=None, reasoning_content=None), event(b"null"), END)
    ),
    "empty error": Fault(
        streaming(BEGIN, event(b'{"choices":[],"error":{"message":"","code":null}}'), event(b'{"error":""}'), END)
    ),
    "halves of a character": Fault(
        streaming(event(rb'{"choices":[{"delta":{"content":"\ud83d"}}]}'),
                  event(rb'{"choices":[{"delta":{"content":"\ude00 "}}]}'), b"".join(GOOD)),
        "\U0001f600 " + TEXT,
    ),
    "half a character": Fault(
        streaming(event(rb'{"choices":[{"delta":{"content":"\ud83d"}}]}'), b"".join(GOOD)), "\ufffd" + TEXT
    ),
    "invalid UTF-8": Fault(
        streaming(event(b'{"choices":[{"delta":{"content":"\xff"}}]}'), b"".join(GOOD)), "\ufffd" + TEXT
    ),
    "NUL": Fault(streaming(event(b'{"choices":[{"delta":{"content":"a\x00b "}}]}'), b"".join(GOOD)), "ab " + TEXT),
    # -- trouble after the finish reason
    "held after the finish reason": Fault(held_after(*GOOD[:-1])),
    "held after the end": Fault(held_after(*GOOD)),
    "held after an end without a blank line": Fault(held_after(*GOOD[:-1], b"data: [DONE]\n")),
    "cut after the finish reason": Fault(cut_after(*GOOD[:-1])),
    "garbage after the finish reason": Fault(streaming(*GOOD[:-1], event(b"{broken"), DONE)),
    "error after the finish reason": Fault(streaming(*GOOD[:-1], event(b'{"error":{"message":"late"}}'))),
    # -- text is missing
    "broken JSON": Fault(
        streaming(BEGIN, event(b"{not json"), END), TEXT, MISSING, "openai: 1 unreadable events of a stream dropped"
    ),
    "cut": Fault(
        cut_after(*GOOD[:3]), "".join(WORDS[:3]), BROKE_OFF, "openai: response ended early: the connection was lost"
    ),
    "ended early": Fault(
        streaming(*GOOD[:3]), "".join(WORDS[:3]), BROKE_OFF, "openai: response ended early: the stream has no end"
    ),
    "comments only": Fault(
        streaming(b": one\n\n", b": two\n\n"), "", BROKE_OFF, "openai: response ended early: the stream has no end"
    ),
    "silence": Fault(held_after(*GOOD[:2]), "".join(WORDS[:2]), NOT_IN_TIME, "openai: request timed out"),
    "error inside": Fault(
        streaming(BEGIN, event(json.dumps({"error": {"message": f"no, {LEAK}"}}).encode()), DONE),
        "".join(WORDS[:2]), FAILED, "openai: error inside a response: no,",
    ),
    # -- no answer
    "error first": Fault(
        streaming(event(b'{"error":{"message":"no"}}'), DONE), "", FAILED, "openai: error inside a response: no", 502
    ),
    "empty": Fault(answering(b""), "", UNREADABLE, "openai: an empty response", 502),
    "HTML": Fault(
        answering(b"<html>oops</html>", 200, "text/html"), "", UNREADABLE, "openai: a response of the type text/html", 502
    ),
    "no completion": Fault(answering(b'{"hello": 1}'), "", FAILED, "openai: error inside a response: ", 502),
    "500": Fault(answering(LEAK.encode(), 500, "text/html"), "", ERROR, "openai: responded with status 500: ", 502),
    "502": Fault(answering(b"bad gateway", 502, "text/plain"), "", ERROR, "openai: responded with status 502: bad", 502),
    "401": Fault(
        refusal({"error": {"message": f"Incorrect API key: {KEY}"}}, 401), "", REJECTED,
        "openai: responded with status 401: Incorrect API key: [hidden]", 502,
    ),
    "403": Fault(refusal({"error": LEAK}, 403), "", REJECTED, "openai: responded with status 403: ", 502),
    "429": Fault(
        answering(b'{"error":"slow down"}', 429, retry_after="7"), "", LIMITED, "openai: responded with status 429: slow down", 429
    ),
    "400 in a list": Fault(
        refusal([{"error": {"code": 400, "message": 'Unknown name "reasoning"', "status": "INVALID_ARGUMENT"}}], 400),
        "", 'Unknown name "reasoning"', "openai: responded with status 400: Unknown name", 400,
    ),
    "400 with secrets": Fault(
        refusal({"error": {"message": f"No: {KEY} at http://10.1.2.3:8000/x in /srv/models/a.gguf"}}, 400),
        "", "No: [hidden] at [hidden] in [hidden]", "openai: responded with status 400: No: [hidden]", 400,
    ),
    "404": Fault(refusal({"error": "No such model"}, 404), "", "No such model", "openai: responded with status 404: No", 404),
    "413": Fault(answering(b"Too long", 413, "text/plain"), "", "Too long", "openai: responded with status 413: Too", 413),
    "422 with places": Fault(
        refusal({"detail": [{"loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}]}, 422),
        "", "max_completion_tokens: Extra inputs are not permitted", "openai: responded with status 422: max", 422,
    ),
}  # fmt: skip


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """As everywhere, with these models."""
    for name, fault in FAULTS.items():
        monkeypatch.setitem(behaviours.BEHAVIOURS, name, fault.behaviour)
    with Upstream() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(stream_relay, "FINISHED_SECONDS", 0.5)
    monkeypatch.setattr(stream_relay, "DRAIN_SECONDS", 0.5)
    limits = {"PORTICO_OPENAI_IDLE_TIMEOUT": "2", "PORTICO_GATEWAY_MAX_ATTEMPTS": "1"}
    return env | upstream.environment | limits


def complete(user: Client, model: str) -> Response:
    messages = [{"role": "user", "content": "Hi"}]
    return user.post(
        "/api/chat/completions", {"model": model, "messages": messages, "stream": True}
    )


def received(answer: Response) -> tuple[str, str]:
    """Return the text and the sentence of the error in a streamed answer, as clients put them together."""
    *documents, end = map(str, answer.events)
    assert end == "[DONE]"
    text, errors = "", []
    for document in map(json.loads, documents):
        if "error" in document:
            errors.append(document["error"]["message"])
        for choice in document.get("choices", ()):
            text += choice["delta"].get("content") or ""
    assert len(errors) <= 1
    return text, "".join(errors)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records if record.levelname != "INFO"]
    caplog.clear()
    return [line for line in lines if "openai: " in line or "rror" in line]


@pytest.mark.case("FT-18", "FT-19", "FT-20", "AB-44")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_fault_reaches_client_store_and_log_as_the_table_says(
    user: Client, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    for name, fault in FAULTS.items():
        with subtests.test(name):
            answer = complete(user, name)
            lines = logged(caplog)
            assert answer.status == fault.status
            if fault.status == 200:
                assert received(answer) == (fault.text, fault.error)
            else:
                assert answer.detail == answer.json["error"]["message"] == fault.error
                assert answer.headers.get("retry-after") == ("7" if fault.status == 429 else None)
            assert [line[: len(fault.log)] for line in lines] == ([fault.log] if fault.log else [])
            for secret in (KEY, "10.1.2.3", "/srv", "Traceback"):
                assert secret not in answer.body.decode() and secret not in "".join(lines)
            complete(user, "good")  # no failure follows another, so the source is asked again


@pytest.mark.case("FT-18", "FT-19", "FT-20")
def test_fault_is_stored_with_the_reply_as_the_table_says(
    user: Client, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    with user.connect_socket() as socket:
        for name, fault in FAULTS.items():
            if name == "large event":
                continue  # larger than a message may be
            with subtests.test(name):
                chat_id, message_id = start_chat(user)
                assert ask(user, chat_id, message_id, model=name).status == 200
                until_end(socket, message_id)
                message = stored(user, chat_id, message_id)
                error = message.get("error") or {}
                assert message["content"] == fault.text.strip()
                assert error.get("content", "") == fault.error
                assert message["done"] is True
                complete(user, "good")
