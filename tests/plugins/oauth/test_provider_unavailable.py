"""A provider that is away, slow or talks garbage: a sentence on the page, never a fault of ours."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import HOUSE, Browser, query_of

from portico.testing import InProcessApp
from portico_oauth.errors import ProviderUnavailable

DISCOVERY = "/.well-known/openid-configuration"
pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


def error_of(browser: Browser) -> str:
    answer = browser.get(f"{HOUSE}/oauth/oidc/login")
    assert answer.status == 302
    return query_of(answer.headers["location"]).get("error", "")


def test_whoever_sets_out_for_a_provider_that_is_away_is_told_so(
    browser: Browser, authority: Authority
) -> None:
    authority.stop()
    assert "could not be reached" in error_of(browser)


DEEP = b"[" * 100_000
GARBAGE = {
    "not json": (200, b"<html>"),
    "nothing": (200, b""),
    "another thing": (200, b"[]"),
    "half of a letter": (200, b'{"issuer": "\\ud800"}'),
    "deep": (200, DEEP),
    "large": (200, b'"' + b"x" * 3_000_000 + b'"'),
    "an error": (500, b"{}"),
    "a redirect": (302, b"{}"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token", "/userinfo"])
def test_a_provider_that_talks_garbage_is_as_good_as_away(
    browser: Browser, authority: Authority, count: Callable[[], int], path: str
) -> None:
    authority.leaves_out_of_id_token = ("email",)
    for name, authority.broken[path] in GARBAGE.items():
        if path == DISCOVERY:
            assert "could not be reached" in error_of(browser), name
        else:
            landing = browser.sign_in()
            assert landing.answer.status == 307 and landing.error and not landing.token, name
    assert count() == 1


def test_a_provider_that_comes_back_is_asked_again(browser: Browser, authority: Authority) -> None:
    authority.broken[DISCOVERY] = (503, b"")
    assert error_of(browser)
    authority.broken.clear()
    assert browser.sign_in().account


def test_many_who_wait_for_a_provider_wait_once(app: InProcessApp, authority: Authority) -> None:
    way = app.portico.identity.auth.providers["oidc"]
    authority.broken[DISCOVERY] = (503, b"")

    async def many() -> list[Any]:
        asked = (way.discovery.metadata() for _ in range(20))  # type: ignore[attr-defined]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert all(isinstance(one, ProviderUnavailable) for one in app.call(many))
    assert len(authority.asked(DISCOVERY)) == 1


def test_what_a_provider_said_last_is_used_while_it_is_away(
    browser: Browser, authority: Authority, app: InProcessApp
) -> None:
    assert browser.sign_in().account
    discovery = app.portico.identity.auth.providers["oidc"].discovery  # type: ignore[attr-defined]
    for remembered in (discovery._metadata, discovery._keys):
        remembered._good_until = -1.0
    authority.broken[DISCOVERY] = authority.broken["/jwks"] = (503, b"")
    assert browser.sign_in().account


def test_a_description_that_cannot_be_trusted_is_not_used(
    browser: Browser, authority: Authority
) -> None:
    for authority.metadata in (
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/\r\nset-cookie: token=x"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": 7},
    ):
        assert "could not be reached" in error_of(browser), authority.metadata


def test_a_provider_that_is_slow_is_as_good_as_away(
    env: dict[str, str], authority: Authority
) -> None:
    release = threading.Event()
    respond = authority.respond
    authority.respond = lambda *a: (release.wait(30), respond(*a))[1]  # type: ignore[method-assign]
    app = InProcessApp(env | {"OAUTH_TIMEOUT": "0.3"})
    try:
        assert "could not be reached" in error_of(Browser(app.client))
    finally:
        release.set()
        app.close()
