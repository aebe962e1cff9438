"""Redaction of a provider's texts, and its error responses."""

import email.utils
import json
import socket
import ssl
import time
from typing import Any

import aiohttp
import pytest

from portico.api import RateLimited, SourceTimedOut
from portico.catalogue.response_error import DEFAULT_RETRY_AFTER_SECONDS
from portico.upstream.provider_errors import ProviderErrors
from portico.upstream.redactor import Redactor

REDACT = Redactor("https://inside.example:8443/v1", ["sk-the-key", "header-secret"])


@pytest.mark.case("AB-44")
@pytest.mark.parametrize(
    "text",
    [
        "key sk-the-key is wrong",
        "key sk-another-key-entirely is wrong",
        "Authorization: Bearer abcdef",
        "header-secret",
        "see https://elsewhere.example/path?x=1",
        "connect inside.example:8443 refused",
        "connect inside.example refused",
        "10.1.2.3:80 is down",
        'oops Traceback (most recent call last)\n  File "/srv/app.py", line 3',
        "Incorrect key AIzaSyA1234567890abcdefghijklmnop",
        "api_key=0123456789abcdef0123456789abcdef",
        "host [2001:db8::7]:443 is down, and fe80::1%eth0, and ::1",
        "host gpu-7.internal:8000 and localhost:11434 and db:5432",
        "write to root@inside.example",
        "cannot read /srv/models/a.gguf, ~/models/b, ../c/d, /e.gguf or C:\\srv\\f",
        "see platform.inside.example/keys/a",
        "oops\n    at Object.<anonymous> (/srv/app.js:1:1)",
    ],
)
def test_redactor_removes_secrets_addresses_and_stacks(text: str) -> None:
    clean = REDACT(text)
    for secret in ("sk-", "abcdef", "header-secret", "example", "10.1.2.3", "srv", "2001:", "fe80", "::1",
                   "gpu-7", "11434", "5432", "AIza", "models", "/c", "e.gguf"):  # fmt: skip
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    [
        "The model meta-llama/Llama-3.1-8B does not exist or/and is not v1/completions",
        "messages[0].content: at 12:30:45, 5 key-value pairs, ratio 1/2",
        "body.tools.0.function: expected std::vector or application/json",
        "This model's maximum context length is 8192 tokens, e.g. 10,000.",
        "Use gpt-4.1-mini-2025-04-14 or claude-opus-4.1 with /think",
    ],
)
def test_redactor_keeps_sentences(text: str) -> None:
    assert REDACT(text) == text


def test_redactor_keeps_plain_text() -> None:
    assert REDACT("max_tokens is  too\nlarge") == "max_tokens is too large"
    assert len(REDACT("x" * 9999)) == 1000


@pytest.mark.case("FT-19")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0.5", 1),
        ("-3", 0),
        ("1e99", 86400),
        ("nan", DEFAULT_RETRY_AFTER_SECONDS),
        ("", DEFAULT_RETRY_AFTER_SECONDS),
        ("soon", DEFAULT_RETRY_AFTER_SECONDS),
    ],
)
def test_retry_after_is_converted_to_seconds(value: str, seconds: int) -> None:
    with pytest.raises(RateLimited) as refusal:
        ProviderErrors("s", REDACT).from_response(429, {"retry-after": value}, b"")
    assert refusal.value.retry_after == seconds


@pytest.mark.case("FT-19")
def test_retry_after_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    with pytest.raises(RateLimited) as refusal:
        ProviderErrors("s", REDACT).from_response(429, {"retry-after": date}, b"")
    assert 1 <= refusal.value.retry_after <= 31


@pytest.mark.case("FT-19")
def test_gateway_timeout_is_a_timeout() -> None:
    with pytest.raises(SourceTimedOut):
        ProviderErrors("s", REDACT).from_response(504, {}, b"")


REFUSALS: list[tuple[Any, str]] = [
    ({"error": "too long"}, "too long"),
    ({"error": {"message": "too long"}}, "too long"),
    ({"error": ["too long"]}, "too long"),
    ({"detail": "too long"}, "too long"),
    ({"message": "too long"}, "too long"),
    ({"errors": [{"message": "too long"}]}, "too long"),
    ("too long", "too long"),
    (
        [{"error": {"code": 400, "message": "Unknown name \"reasoning\"", "status": "INVALID_ARGUMENT"}}],
        'Unknown name "reasoning"',
    ),
    (
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs"}]},
        "max_completion_tokens: Extra inputs",
    ),
    (
        {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required"}, {"loc": ["body", "n"], "msg": "Too many"}]},
        "messages.0: Field required; n: Too many",
    ),
    (
        {"object": "error", "message": {"detail": [{"loc": ["body", "stop"], "msg": "Not a list"}]}},
        "stop: Not a list",
    ),
    ({"message": {"detail": "too long"}}, "too long"),
    ({"error": None, "detail": "too long"}, "too long"),
]  # fmt: skip


def refusal(status: int, body: bytes) -> Any:
    """The client's body for an error response."""
    reply = ProviderErrors("s", REDACT).from_response(status, {}, body)
    assert reply.status == status
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


@pytest.mark.case("FT-19")
@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize(("body", "sentence"), REFUSALS)
def test_sentence_of_a_refusal_reaches_the_client(status: int, body: Any, sentence: str) -> None:
    found = refusal(status, json.dumps(body).encode())
    assert (found["detail"], found["error"]["message"]) == (sentence, sentence)
    assert set(found["error"]) == {"message", "type", "param", "code"}


@pytest.mark.case("FT-19")
def test_plain_text_of_a_refusal_reaches_the_client() -> None:
    assert (
        refusal(400, b"\xef\xbb\xbfThe prompt is too long.\n")["detail"]
        == "The prompt is too long."
    )


@pytest.mark.case("FT-19")
def test_facts_of_a_refusal_reach_the_client() -> None:
    error = {"message": "m", "type": "invalid", "param": "stop", "code": "bad", "trace": "secret"}
    assert refusal(400, json.dumps({"error": error}).encode())["error"] == {
        "message": "m", "type": "invalid", "param": "stop", "code": "bad",
    }  # fmt: skip
    places = [{"loc": ["body", "stop", 0], "msg": "m", "type": "wrong"}]
    assert refusal(422, json.dumps({"detail": places}).encode())["error"] == {
        "message": "stop.0: m", "type": "wrong", "param": "stop.0", "code": None,
    }  # fmt: skip


@pytest.mark.case("FT-19")
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"error": null}', b"<html>no</html>", b"{broken", b"[" * 9999]
)  # fmt: skip
def test_refusal_without_a_sentence_keeps_its_status(body: bytes) -> None:
    assert refusal(404, body)["detail"] == "The model source 's' answered with status 404."


@pytest.mark.case("AB-44")
def test_refusal_is_redacted_and_shortened() -> None:
    text = "sk-the-key at https://inside.example:8443/v1 in /srv/models/x.gguf " + "long " * 999
    for body in (text.encode(), json.dumps({"error": {"message": text, "code": text}}).encode()):
        found = refusal(400, body)
        assert found["detail"].startswith("[hidden] at [hidden] in [hidden] long")
        assert len(found["detail"]) == 1000
        assert b"inside" not in json.dumps(found).encode()


@pytest.mark.case("FT-17")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name was not found"),
        (ConnectionRefusedError(111, "refused"), "the connection was refused"),
        (ssl.SSLCertVerificationError("self-signed"), "the certificate is not accepted"),
        (ssl.SSLError("wrong version"), "the TLS handshake failed"),
        (TimeoutError(), "it timed out"),
        (ConnectionResetError(), "the connection was lost"),
    ],
)
def test_log_says_why_a_provider_is_unreachable(
    error: OSError, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrapped = aiohttp.ClientError("http://inside.example:8443")
    wrapped.__cause__ = ExceptionGroup("all attempts failed", [error])
    ProviderErrors("s", REDACT).unreachable(wrapped)
    assert f"s: connection failed: {reason}" in caplog.text
    assert "inside" not in caplog.text
