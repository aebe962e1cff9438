"""Redaction of a provider's texts, and its error responses."""

import email.utils
import json
import time

import pytest

from portico.api import RateLimited, SourceTimedOut
from portico.upstream.provider_errors import DEFAULT_RETRY_AFTER_SECONDS, ProviderErrors
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
        "oops\n    at Object.<anonymous> (/srv/app.js:1:1)",
    ],
)
def test_redactor_removes_secrets_addresses_and_stacks(text: str) -> None:
    clean = REDACT(text)
    for secret in ("sk-", "abcdef", "header-secret", "example", "10.1.2.3", "/srv"):
        assert secret not in clean


def test_redactor_keeps_plain_text() -> None:
    assert REDACT("max_tokens is  too\nlarge") == "max_tokens is too large"
    assert len(REDACT("x" * 9999)) <= 500


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


@pytest.mark.case("FT-19")
@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"too long"}',
        b'{"error":{"message":"too long"}}',
        b'{"detail":"too long"}',
        b'{"message":"too long"}',
    ],
)
def test_error_responses_are_read_in_every_known_form(body: bytes) -> None:
    reply = ProviderErrors("s", REDACT).from_response(422, {}, body)
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body)["error"]["message"] == "too long"
