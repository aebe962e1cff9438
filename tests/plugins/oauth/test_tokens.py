"""A sign-in is believed only with a token that its provider signed, for us, for this sign-in and for now."""

import hmac
import json
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import JWKRegistry
from tests.plugins.oauth.authorization_server import CLIENT_ID, CLIENT_SECRET, Authority
from tests.plugins.oauth.browser import HOUSE, Browser, query_of, with_query

from portico.testing import Client

LOGIN = f"{HOUSE}/oauth/oidc/login"
Count = Callable[[], int]
pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


def assert_refused(browser: Browser, count: Count) -> None:
    """Told on the page, in the same words whatever it was; nobody is signed in, nobody has an account."""
    landing = browser.sign_in()
    assert landing.answer.status == 307
    assert landing.answer.headers["location"].startswith(f"{HOUSE}/auth?error=")
    assert "incorrect" in landing.error
    assert not landing.token
    assert count() == 1


NOW = int(time.time())
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce that is a number": {"nonce": 1},
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash more": {"iss": "http://127.0.0.1/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "two audiences and no word on which": {"aud": [CLIENT_ID, "somebody-else"]},
    "given to another client": {"azp": "somebody-else"},
    "expired": {"exp": NOW - 3600},
    "no end": {"exp": None},
    "an end that is a text": {"exp": "4102444800"},
    "from the future": {"iat": NOW + 3600},
    "no beginning": {"iat": None},
    "not good yet": {"nbf": NOW + 3600},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 1},
    "a subject that is a list": {"sub": ["s-1"]},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}  # fmt: skip


def test_AB_75_an_id_token_that_is_not_for_this_sign_in_is_refused(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for name, authority.id_token in BAD_CLAIMS.items():
        landing = browser.sign_in()
        assert landing.answer.status == 307 and "incorrect" in landing.error, name
        assert not landing.token and count() == 1, name


def test_FT_06_a_clock_that_differs_by_less_than_a_minute_is_no_reason(
    browser: Browser, authority: Authority
) -> None:
    at = int(time.time())
    authority.id_token = {"iat": at + 45, "nbf": at + 45, "exp": at - 45}
    assert browser.sign_in().account


def test_an_id_token_for_several_clients_that_was_given_to_us_is_good(
    browser: Browser, authority: Authority
) -> None:
    authority.id_token = {"aud": [CLIENT_ID, "somebody-else"], "azp": CLIENT_ID}
    assert browser.sign_in().account


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_AB_75_an_unsigned_id_token_is_refused_although_it_is_announced(
    browser: Browser, authority: Authority, count: Count, algorithm: str
) -> None:
    authority.metadata = {"id_token_signing_alg_values_supported": [algorithm, "RS256"]}
    authority.sign = lambda claims: forged({"alg": algorithm}, claims, None)
    assert_refused(browser, count)


@pytest.mark.parametrize("shape", ["PEM", "DER", "secret"])
def test_AB_75_an_id_token_signed_with_what_everybody_knows_is_refused(
    browser: Browser, authority: Authority, count: Count, shape: str
) -> None:
    """The public key taken for a secret; and the client's own secret, which the provider is not."""
    secret = CLIENT_SECRET.encode()
    if shape != "secret":
        secret = authority.keys["k1"].as_bytes(shape, private=False)  # type: ignore[arg-type]
    authority.sign = lambda claims: forged({"alg": "HS256", "kid": "k1"}, claims, secret)
    assert_refused(browser, count)


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """A token as an attacker makes it, whose library does not refuse."""
    parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims)]
    mac = b"" if secret is None else hmac.digest(secret, b".".join(parts), "sha256")
    return b".".join([*parts, urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def test_AB_75_an_id_token_that_somebody_else_signed_is_refused(
    browser: Browser, authority: Authority, count: Count
) -> None:
    real, stranger = dict(authority.keys), JWKRegistry.generate_key("RSA", 2048)

    def forged(claims: dict[str, Any]) -> str:
        authority.keys = {"k1": stranger}
        try:
            return authority.signed(claims)
        finally:
            authority.keys = real

    authority.sign = forged
    assert_refused(browser, count)


@pytest.mark.parametrize("header", ["jwk", "jku", "x5u"])
def test_AB_75_a_token_cannot_bring_its_own_key(
    browser: Browser, authority: Authority, count: Count, header: str
) -> None:
    real, stranger = dict(authority.keys), JWKRegistry.generate_key("RSA", 2048)
    value: Any = f"{authority.url}/evil-jwks"
    if header == "jwk":
        value = stranger.as_dict(private=False)

    def forged(claims: dict[str, Any]) -> str:
        authority.keys = {"k1": stranger}
        try:
            return authority.signed(claims, **{header: value})
        finally:
            authority.keys = real

    authority.sign = forged
    assert_refused(browser, count)
    assert not authority.asked("/evil-jwks")


def test_what_is_no_token_is_refused(browser: Browser, authority: Authority, count: Count) -> None:
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
        authority.sign = lambda claims, token=token: token  # type: ignore[misc]
        assert_refused(browser, count)


def test_AB_78_nothing_rides_on_a_token_into_a_cookie(
    browser: Browser, authority: Authority, count: Count
) -> None:
    """Decoders of base64 pass over what is none, so the signature would be good."""
    for rider in ("; Domain=evil.example", "\r\nset-cookie: a=b", " ", "=", "\n"):
        authority.sign = lambda claims, rider=rider: authority.signed(claims) + rider  # type: ignore[misc]
        assert_refused(browser, count)


def test_AB_75_a_change_of_one_letter_breaks_the_signature(
    browser: Browser, authority: Authority, count: Count
) -> None:
    def changed(claims: dict[str, Any]) -> str:
        victim = authority.signed(claims | {"sub": "victim"}).split(".")
        return ".".join([*victim[:2], authority.signed(claims).split(".")[2]])

    authority.sign = changed
    assert_refused(browser, count)


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
def test_what_a_provider_announces_it_may_sign_with(
    browser: Browser, authority: Authority, algorithm: str, kind: Any, size: Any
) -> None:
    authority.keys = {"k1": JWKRegistry.generate_key(kind, size)}
    authority.algorithm = algorithm
    assert browser.sign_in().account["email"] == "grace@example.org"


def test_AB_75_what_a_provider_did_not_announce_it_may_not_sign_with(
    browser: Browser, authority: Authority, count: Count
) -> None:
    authority.metadata = {"id_token_signing_alg_values_supported": ["RS256"]}
    authority.sign = lambda claims: authority.signed(claims, alg="RS512")
    assert_refused(browser, count)


@pytest.mark.usefixtures("count")
def test_a_short_key_proves_nothing(browser: Browser, authority: Authority, count: Count) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        authority.keys = {"k1": JWKRegistry.generate_key("RSA", 1024)}
    assert_refused(browser, count)


def test_new_keys_are_fetched_once_they_are_used(browser: Browser, authority: Authority) -> None:
    assert browser.sign_in().account
    authority.rotate()
    assert browser.sign_in().account
    assert len(authority.asked("/jwks")) == 2


def test_made_up_key_ids_do_not_make_us_ask_again_and_again(
    browser: Browser, authority: Authority, count: Count
) -> None:
    authority.sign = lambda claims: authority.signed(claims, kid="made-up")
    for _ in range(4):
        assert_refused(browser, count)
    assert len(authority.asked("/jwks")) == 2


def test_a_token_without_a_key_id_is_checked_with_every_key(
    browser: Browser, authority: Authority
) -> None:
    authority.keys["k2"] = JWKRegistry.generate_key("RSA", 2048)
    authority.signing = "k2"
    authority.sign = lambda claims: authority.signed(claims, kid=None)
    assert browser.sign_in().account


def test_AB_75_every_sign_in_has_its_own_challenge_state_and_nonce(
    browser: Browser, authority: Authority
) -> None:
    for _ in range(2):
        browser.sign_in()
    first, second = authority.asked("/authorize")
    for name in ("code_challenge", "state", "nonce"):
        assert first[name] != second[name] and len(first[name]) >= 32
    assert {one["code_challenge_method"] for one in (first, second)} == {"S256"}
    assert [len(one["code_verifier"]) for one in authority.asked("/token")] == [64, 64]


def test_AB_75_a_provider_that_would_rather_have_plain_still_gets_s256(
    browser: Browser, authority: Authority
) -> None:
    authority.metadata = {"code_challenge_methods_supported": ["plain"]}
    assert browser.sign_in().account
    assert authority.asked("/authorize")[0]["code_challenge_method"] == "S256"


def test_AB_75_the_code_of_another_browser_is_refused(
    browser: Browser, authority: Authority, client: Client, count: Count
) -> None:
    """A code that was stolen, put into a sign-in of the thief's own: the verifier is another."""
    stolen = query_of(browser.follow(LOGIN)[0])["code"]
    thief = Browser(client)
    back, _ = thief.follow(LOGIN)
    landing = thief.land(with_query(back, code=stolen))
    assert landing.error and not landing.token and count() == 1


def test_a_made_up_code_is_refused(browser: Browser, count: Count) -> None:
    for code in ("", "x", "x" * 5000, "\x00", "a&b=c", "%0d%0a", "é"):
        back, _ = browser.follow(LOGIN)
        landing = browser.land(with_query(back, code=code))
        assert landing.answer.status == 307 and landing.error and count() == 1


def test_what_the_provider_says_when_asked_is_about_the_same_person(
    browser: Browser, authority: Authority, count: Count
) -> None:
    authority.leaves_out_of_id_token = ("email", "name", "email_verified")
    authority.userinfo = {"sub": "victim"}
    assert_refused(browser, count)


@pytest.mark.parametrize("sub", [None, 1, ["s-1"]])
def test_what_the_provider_says_of_nobody_in_particular_is_refused(
    browser: Browser, authority: Authority, count: Count, sub: Any
) -> None:
    authority.leaves_out_of_id_token = ("email",)
    authority.userinfo = {"sub": sub}
    assert_refused(browser, count)


def test_the_provider_is_asked_for_what_the_id_token_does_not_say(
    browser: Browser, authority: Authority
) -> None:
    authority.leaves_out_of_id_token = ("email", "name", "email_verified")
    assert browser.sign_in().account["name"] == "Grace"
    assert len(authority.asked("/userinfo")) == 1


def test_an_answer_without_usable_tokens_is_refused(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for authority.token in (
        {"access_token": None},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "a\r\nb"},
        {"access_token": "x" * 70_000},
        {"token_type": "mac"},
        {"id_token": None},
    ):
        assert_refused(browser, count)
