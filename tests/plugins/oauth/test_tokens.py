"""Verification of tokens: signature, algorithm, audience, nonce, times, and the exchange of the code."""

import hmac
import json
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc.jwk import JWKRegistry
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import CLIENT_ID, CLIENT_SECRET, AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, query_of, with_query

from portico.testing import Client

LOGIN = f"{APP_URL}/oauth/oidc/login"
Count = Callable[[], int]
pytestmark = pytest.mark.usefixtures("admin")


def assert_rejected(browser: Browser, count: Count) -> None:
    """The page shows the same error for every reason; there is no session and no new account."""
    result = browser.sign_in()
    assert result.response.status == 307
    assert result.response.headers["location"].startswith(f"{APP_URL}/auth?error=")
    assert "incorrect" in result.error
    assert not result.token
    assert count() == 1


#: Far from now, in epoch seconds, so that it does not matter when the tests run.
PAST, FUTURE = 1_000_000_000, 4_102_444_800
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce that is a number": {"nonce": 1},
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash more": {"iss": "http://127.0.0.1/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-client"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "two audiences without azp": {"aud": [CLIENT_ID, "another-client"]},
    "issued to another client": {"azp": "another-client"},
    "expired": {"exp": PAST},
    "no expiry": {"exp": None},
    "an expiry that is a text": {"exp": "4102444800"},
    "from the future": {"iat": FUTURE},
    "no time of issue": {"iat": None},
    "not valid yet": {"nbf": FUTURE},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 1},
    "a subject that is a list": {"sub": ["s-1"]},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}  # fmt: skip


@pytest.mark.case("AB-75")
def test_id_token_with_wrong_claims_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for name, provider_server.id_token in BAD_CLAIMS.items():
        result = browser.sign_in()
        assert result.response.status == 307 and "incorrect" in result.error, name
        assert not result.token and count() == 1, name


@pytest.mark.case("FT-06")
def test_clock_difference_below_a_minute_is_accepted(
    browser: Browser, provider_server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = int(time.time())
    monkeypatch.setattr("portico.db.clock.time", SimpleNamespace(time=lambda: at))
    provider_server.id_token = {"iat": at + 45, "nbf": at + 45, "exp": at - 45}
    assert browser.sign_in().account


def test_id_token_with_several_audiences_and_own_azp_is_accepted(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.id_token = {"aud": [CLIENT_ID, "another-client"], "azp": CLIENT_ID}
    assert browser.sign_in().account


@pytest.mark.case("AB-75")
@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_unsigned_id_token_is_rejected_although_announced(
    browser: Browser, provider_server: AuthorizationServer, count: Count, algorithm: str
) -> None:
    provider_server.metadata = {"id_token_signing_alg_values_supported": [algorithm, "RS256"]}
    provider_server.sign = lambda claims: forged({"alg": algorithm}, claims, None)
    assert_rejected(browser, count)


@pytest.mark.case("AB-75")
@pytest.mark.parametrize("shape", ["PEM", "DER", "secret"])
def test_id_token_signed_with_public_key_as_secret_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count, shape: str
) -> None:
    """HMAC with the public key, and with the client's own secret."""
    secret = CLIENT_SECRET.encode()
    if shape != "secret":
        secret = provider_server.keys["k1"].as_bytes(shape, private=False)  # type: ignore[arg-type]
    provider_server.sign = lambda claims: forged({"alg": "HS256", "kid": "k1"}, claims, secret)
    assert_rejected(browser, count)


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """Return a token that an attacker builds without a library's checks."""
    parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims)]
    mac = b"" if secret is None else hmac.digest(secret, b".".join(parts), "sha256")
    return b".".join([*parts, urlsafe_b64encode(mac).rstrip(b"=")]).decode()


@pytest.mark.case("AB-75")
def test_id_token_signed_with_foreign_key_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    real, other_server = dict(provider_server.keys), JWKRegistry.generate_key("RSA", 2048)

    def forged(claims: dict[str, Any]) -> str:
        provider_server.keys = {"k1": other_server}
        try:
            return provider_server.signed(claims)
        finally:
            provider_server.keys = real

    provider_server.sign = forged
    assert_rejected(browser, count)


@pytest.mark.case("AB-75")
@pytest.mark.parametrize("header", ["jwk", "jku", "x5u"])
def test_key_in_token_header_is_ignored(
    browser: Browser, provider_server: AuthorizationServer, count: Count, header: str
) -> None:
    real, other_server = dict(provider_server.keys), JWKRegistry.generate_key("RSA", 2048)
    value: Any = f"{provider_server.url}/evil-jwks"
    if header == "jwk":
        value = other_server.as_dict(private=False)

    def forged(claims: dict[str, Any]) -> str:
        provider_server.keys = {"k1": other_server}
        try:
            return provider_server.signed(claims, **{header: value})
        finally:
            provider_server.keys = real

    provider_server.sign = forged
    assert_rejected(browser, count)
    assert not provider_server.requests_to("/evil-jwks")


def test_malformed_id_tokens_are_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for token in (
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        "a" * 70_000,
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        7,
        None,
    ):
        provider_server.sign = lambda claims, token=token: token  # type: ignore[misc]
        assert_rejected(browser, count)


@pytest.mark.case("AB-78")
def test_id_token_with_trailing_text_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    """base64 decoders ignore invalid characters, so the signature would be valid."""
    for suffix in ("; Domain=evil.example", "\r\nset-cookie: a=b", " ", "=", "\n"):
        provider_server.sign = lambda claims, suffix=suffix: provider_server.signed(claims) + suffix  # type: ignore[misc]
        assert_rejected(browser, count)


@pytest.mark.case("AB-75")
def test_signature_of_other_claims_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    def changed(claims: dict[str, Any]) -> str:
        victim = provider_server.signed(claims | {"sub": "victim"}).split(".")
        return ".".join([*victim[:2], provider_server.signed(claims).split(".")[2]])

    provider_server.sign = changed
    assert_rejected(browser, count)


@pytest.mark.parametrize(
    ("algorithm", "kind", "size"),
    [
        ("RS512", "RSA", 2048),
        ("PS256", "RSA", 2048),
        ("ES256", "EC", "P-256"),
        ("ES512", "EC", "P-521"),
        ("EdDSA", "OKP", "Ed25519"),
    ],
)
def test_announced_algorithms_are_accepted(
    browser: Browser, provider_server: AuthorizationServer, algorithm: str, kind: Any, size: Any
) -> None:
    provider_server.keys = {"k1": JWKRegistry.generate_key(kind, size)}
    provider_server.algorithm = algorithm
    assert browser.sign_in().account["email"] == "grace@example.org"


@pytest.mark.case("AB-75")
def test_algorithm_that_is_not_announced_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    provider_server.metadata = {"id_token_signing_alg_values_supported": ["RS256"]}
    provider_server.sign = lambda claims: provider_server.signed(claims, alg="RS512")
    assert_rejected(browser, count)


@pytest.mark.usefixtures("count")
def test_short_rsa_key_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provider_server.keys = {"k1": JWKRegistry.generate_key("RSA", 1024)}
    assert_rejected(browser, count)


def test_rotated_keys_are_loaded_once(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    assert browser.sign_in().account
    provider_server.rotate()
    assert browser.sign_in().account
    assert len(provider_server.requests_to("/jwks")) == 2


def test_unknown_key_ids_cause_one_request_for_keys(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    provider_server.sign = lambda claims: provider_server.signed(claims, kid="made-up")
    for _ in range(4):
        assert_rejected(browser, count)
    assert len(provider_server.requests_to("/jwks")) == 2


def test_token_without_key_id_is_checked_with_every_key(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.keys["k2"] = JWKRegistry.generate_key("RSA", 2048)
    provider_server.signing = "k2"
    provider_server.sign = lambda claims: provider_server.signed(claims, kid=None)
    assert browser.sign_in().account


@pytest.mark.case("AB-75")
def test_each_sign_in_has_its_own_challenge_state_and_nonce(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    for _ in range(2):
        browser.sign_in()
    first, second = provider_server.requests_to("/authorize")
    for name in ("code_challenge", "state", "nonce"):
        assert first[name] != second[name] and len(first[name]) >= 32
    assert {one["code_challenge_method"] for one in (first, second)} == {"S256"}
    assert [len(one["code_verifier"]) for one in provider_server.requests_to("/token")] == [64, 64]


@pytest.mark.case("AB-75")
def test_pkce_uses_s256_although_provider_announces_plain(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.metadata = {"code_challenge_methods_supported": ["plain"]}
    assert browser.sign_in().account
    assert provider_server.requests_to("/authorize")[0]["code_challenge_method"] == "S256"


@pytest.mark.case("AB-75")
def test_code_of_another_browser_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, client: Client, count: Count
) -> None:
    """A stolen code in a sign-in of the attacker: the verifier differs."""
    stolen = query_of(browser.follow(LOGIN)[0])["code"]
    attacker = Browser(client)
    callback_url, _ = attacker.follow(LOGIN)
    result = attacker.open_callback(with_query(callback_url, code=stolen))
    assert result.error and not result.token and count() == 1


def test_invented_codes_are_rejected(browser: Browser, count: Count) -> None:
    for code in ("", "x", "x" * 5000, "\x00", "a&b=c", "%0d%0a", "é"):
        callback_url, _ = browser.follow(LOGIN)
        result = browser.open_callback(with_query(callback_url, code=code))
        assert result.response.status == 307 and result.error and count() == 1


def test_userinfo_of_another_subject_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    provider_server.omitted_from_id_token = ("email", "name", "email_verified")
    provider_server.userinfo = {"sub": "victim"}
    assert_rejected(browser, count)


@pytest.mark.parametrize("sub", [None, 1, ["s-1"]])
def test_userinfo_without_valid_subject_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count, sub: Any
) -> None:
    provider_server.omitted_from_id_token = ("email",)
    provider_server.userinfo = {"sub": sub}
    assert_rejected(browser, count)


def test_userinfo_completes_missing_claims(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.omitted_from_id_token = ("email", "name", "email_verified")
    assert browser.sign_in().account["name"] == "Grace"
    assert len(provider_server.requests_to("/userinfo")) == 1


def test_token_response_without_valid_tokens_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for provider_server.token in (
        {"access_token": None},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "a\r\nb"},
        {"access_token": "x" * 70_000},
        {"token_type": "mac"},
        {"id_token": None},
    ):
        assert_rejected(browser, count)
