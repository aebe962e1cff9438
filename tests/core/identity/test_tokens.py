"""AB-02 and AB-03: what a token has to be to count."""

import base64
import hashlib
import hmac
import json
import re
import time
from typing import Any

import pytest

from portico.errors import Unauthenticated
from portico.identity import TokenSigner
from portico.identity.sessions import tokens
from portico.settings.problems import BadSettings
from portico.settings.section import Secret

KEY = "signs-nothing-but-what-tests-look-at-0123"
GOOD = {"id": "ann", "jti": "one", "epoch": 0}
HOUR = 3600


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner(Secret(KEY), "1h")


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, claims: Any, key: str = KEY, digest: str = "sha256") -> str:
    """Sign a token with the right key, so that only its content can be invalid."""
    body = f"{encoded(header)}.{encoded(claims)}"
    return f"{body}.{encoded(hmac.new(key.encode(), body.encode(), digest).digest())}"


def ours(claims: Any) -> str:
    return forged(b'{"alg":"HS256","typ":"JWT"}', claims)


def soon() -> int:
    return int(time.time()) + 600


def test_signed_token_contains_its_claims(signer: TokenSigner) -> None:
    before = int(time.time())
    token, expires_at = signer.sign("ann", "one", 3)
    after = int(time.time())
    claims = signer.verify(token)
    assert (claims.id, claims.jti, claims.epoch, claims.exp) == ("ann", "one", 3, expires_at)
    assert expires_at is not None and before <= expires_at - HOUR <= after


def test_token_with_valid_signature_and_claims_is_accepted(signer: TokenSigner) -> None:
    """Shows that the tokens below are refused for their content only."""
    assert signer.verify(ours(GOOD | {"exp": soon()})).id == "ann"


@pytest.mark.case("AB-02")
@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "HS512", "HS384", "RS256", "", 5, None, ["HS256"]]
)
def test_other_algorithms_are_refused(signer: TokenSigner, alg: Any) -> None:
    claims = GOOD | {"exp": soon()}
    unsigned = f"{encoded({'alg': alg, 'typ': 'JWT'})}.{encoded(claims)}."
    for token in (unsigned, forged({"alg": alg, "typ": "JWT"}, claims)):
        with pytest.raises(Unauthenticated):
            signer.verify(token)


@pytest.mark.case("AB-03")
@pytest.mark.parametrize(
    "extra",
    [{"crit": ["x"]}, {"crit": ["b64"], "b64": False}, {"crit": 5}, {"kid": "../../etc"}, {"jku": "https://evil"},
     {"jwk": {"kty": "oct", "k": "a2s"}}, {"zip": "DEF"}],
)  # fmt: skip
def test_header_with_additional_fields_is_refused(signer: TokenSigner, extra: Any) -> None:
    with pytest.raises(Unauthenticated):
        signer.verify(forged({"alg": "HS256", "typ": "JWT", **extra}, GOOD | {"exp": soon()}))


def in_short(claims: object) -> str:
    """What a test is called: the same for every worker, whatever the time is."""
    return re.sub(r"\d{10}", "soon", repr(claims))[:80]


@pytest.mark.parametrize(
    "claims",
    [
        GOOD,
        GOOD | {"exp": None},
        GOOD | {"exp": "2000000000"},
        GOOD | {"exp": "9999-12-31T23:59:59Z"},
        GOOD | {"exp": 253402300799},
        GOOD | {"exp": -1},
        GOOD | {"exp": 0},
        GOOD | {"exp": True},
        GOOD | {"exp": 10**400},
        GOOD | {"exp": [2000000000]},
        b'{"id":"ann","jti":"one","epoch":0,"exp":NaN}',
        b'{"id":"ann","jti":"one","epoch":0,"exp":Infinity}',
        b'{"id":"ann","jti":"one","epoch":0,"exp":1e999}',
        GOOD | {"exp": soon(), "iat": soon() + 10**6},
        GOOD | {"exp": soon(), "nbf": soon()},
        GOOD | {"exp": soon(), "id": None},
        GOOD | {"exp": soon(), "id": ["ann"]},
        GOOD | {"exp": soon(), "id": {"$ne": ""}},
        GOOD | {"exp": soon(), "id": 1},
        GOOD | {"exp": soon(), "id": ""},
        GOOD | {"exp": soon(), "id": "a" * 5000},
        GOOD | {"exp": soon(), "id": "a" * 10**6},
        GOOD | {"exp": soon(), "jti": None},
        GOOD | {"exp": soon(), "jti": "\x00"},
        GOOD | {"exp": soon(), "jti": "one\n"},
        GOOD | {"exp": soon(), "jti": "ö"},
        GOOD | {"exp": soon(), "epoch": 2**63},
        GOOD | {"exp": soon(), "epoch": "0"},
        GOOD | {"exp": soon(), "epoch": -1},
        {"id": "ann", "exp": soon()},
        {},
        [],
        None,
        "ann",
        b"",
        b"\xff\xfe",
        b"[" * 5000,
    ],
    ids=in_short,
)  # fmt: skip
@pytest.mark.case("AB-03")
def test_invalid_claims_with_valid_signature_are_refused(signer: TokenSigner, claims: Any) -> None:
    with pytest.raises(Unauthenticated):
        signer.verify(ours(claims))


@pytest.mark.case("AB-03")
@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "a" * 9000, "é.x.y", "\ud800..", "sk-abc", tokens.HEADER],
)
def test_malformed_token_is_refused(signer: TokenSigner, token: str) -> None:
    with pytest.raises(Unauthenticated):
        signer.verify(token)


def test_token_of_another_secret_is_refused(signer: TokenSigner) -> None:
    foreign, _ = TokenSigner(Secret("another-secret-key-for-test-9876543210-qwe"), "1h").sign(
        "ann", "one", 0
    )
    with pytest.raises(Unauthenticated):
        signer.verify(foreign)


def test_changed_token_is_refused_while_the_original_is_cached(
    signer: TokenSigner,
) -> None:
    token, _ = signer.sign("ann", "one", 0)
    signer.verify(token)
    head, _, sign = token.split(".")
    with pytest.raises(Unauthenticated):
        signer.verify(f"{head}.{encoded(GOOD | {'id': 'eve', 'exp': soon()})}.{sign}")


def test_cached_token_expires(signer: TokenSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    token, expires_at = signer.sign("ann", "one", 0)
    assert signer.verify(token) and expires_at is not None
    monkeypatch.setattr(tokens, "now", lambda: expires_at)
    with pytest.raises(Unauthenticated):
        signer.verify(token)


def test_cached_tokens_are_limited(signer: TokenSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_CACHED_TOKENS", 3)
    for number in range(10):
        signer.verify(signer.sign("ann", f"{number}", 0)[0])
    assert len(signer._cached) == 3


def test_shorter_lifetime_applies_to_existing_tokens(signer: TokenSigner) -> None:
    token, _ = TokenSigner(Secret(KEY), "4w").sign("ann", "one", 0)
    with pytest.raises(Unauthenticated):
        signer.verify(token)


@pytest.mark.parametrize("lifetime", ["-1", "0", " 0 "])
def test_unlimited_tokens_do_not_expire(lifetime: str) -> None:
    signer = TokenSigner(Secret(KEY), lifetime)
    token, expires_at = signer.sign("ann", "one", 0)
    assert expires_at is None and signer.verify(token).exp is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("4w", 2419200), ("1h30m", 5400), ("1.5d", 129600), ("90s", 90), ("500ms", 1), ("2h-30m", 5400), ("+1m", 60)],
)  # fmt: skip
def test_lifetime_is_the_sum_of_its_parts(text: str, seconds: int) -> None:
    assert tokens.parse_lifetime(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "4", "4y", "1h 30m", "-1h", "0s", "4w!", "1e9w", "999999w", "٣h", "1.d"]
)
def test_unreadable_lifetime_is_named_in_the_error(text: str) -> None:
    with pytest.raises(BadSettings, match="JWT_EXPIRES_IN"):
        TokenSigner(Secret(KEY), text)


@pytest.mark.case("AB-84")
@pytest.mark.parametrize("secret", ["", "changeme", "t0p-s3cr3t", "12345678", "k" * 31])
def test_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(BadSettings, match="WEBUI_SECRET_KEY") as refused:
        TokenSigner(Secret(secret), "4w")
    assert not secret or secret not in str(refused.value)


def test_signature_is_standard_hs256(signer: TokenSigner) -> None:
    token, _ = signer.sign("ann", "one", 0)
    head, body, signature = token.split(".")
    expected = hmac.new(KEY.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert signature == base64.urlsafe_b64encode(expected).rstrip(b"=").decode()
