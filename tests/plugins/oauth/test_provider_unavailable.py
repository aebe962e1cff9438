"""Providers that are unavailable, slow or answer with invalid data: the page shows an error, never a status 500."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, query_of

from portico.boot import Application
from portico.testing import InProcessApp
from portico_oauth.protocol.errors import ProviderUnavailable

DISCOVERY = "/.well-known/openid-configuration"
pytestmark = pytest.mark.usefixtures("admin")


def error_of(browser: Browser) -> str:
    answer = browser.get(f"{APP_URL}/oauth/oidc/login")
    assert answer.status == 302
    return query_of(answer.headers["location"]).get("error", "")


def test_login_redirects_with_error_while_provider_is_unavailable(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.stop()
    assert "could not be reached" in error_of(browser)


DEEP = b"[" * 100_000
INVALID_RESPONSES = {
    "not json": (200, b"<html>"),
    "empty": (200, b""),
    "another type": (200, b"[]"),
    "lone surrogate": (200, b'{"issuer": "\\ud800"}'),
    "deep": (200, DEEP),
    "large": (200, b'"' + b"x" * 3_000_000 + b'"'),
    "an error": (500, b"{}"),
    "a redirect": (302, b"{}"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token", "/userinfo"])
def test_invalid_provider_responses_fail_the_sign_in(
    browser: Browser, provider_server: AuthorizationServer, count: Callable[[], int], path: str
) -> None:
    provider_server.omitted_from_id_token = ("email",)
    for name, provider_server.broken[path] in INVALID_RESPONSES.items():
        if path == DISCOVERY:
            assert "could not be reached" in error_of(browser), name
        else:
            result = browser.sign_in()
            assert result.response.status == 307 and result.error and not result.token, name
    assert count() == 1


def test_sign_in_works_after_provider_recovers(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.broken[DISCOVERY] = (503, b"")
    assert error_of(browser)
    provider_server.broken.clear()
    assert browser.sign_in().account


def test_concurrent_metadata_requests_share_one_failure(
    app: InProcessApp, provider_server: AuthorizationServer
) -> None:
    provider = app.portico.identity.auth.providers["oidc"]
    provider_server.broken[DISCOVERY] = (503, b"")

    async def many() -> list[Any]:
        requests = (provider.discovery.metadata() for _ in range(20))  # type: ignore[attr-defined]
        return await asyncio.gather(*requests, return_exceptions=True)

    assert all(isinstance(one, ProviderUnavailable) for one in app.run(many))
    assert len(provider_server.requests_to(DISCOVERY)) == 1


def test_cached_documents_are_used_while_provider_is_unavailable(
    browser: Browser, provider_server: AuthorizationServer, app: InProcessApp
) -> None:
    assert browser.sign_in().account
    discovery = app.portico.identity.auth.providers["oidc"].discovery  # type: ignore[attr-defined]
    for cached in (discovery._metadata, discovery._keys):
        cached._expires_at = -1.0
    provider_server.broken[DISCOVERY] = provider_server.broken["/jwks"] = (503, b"")
    assert browser.sign_in().account


def test_untrusted_discovery_documents_are_refused(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    for provider_server.metadata in (
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/\r\nset-cookie: token=x"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": 7},
    ):
        assert "could not be reached" in error_of(browser), provider_server.metadata


def test_slow_provider_counts_as_unavailable(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    release = threading.Event()
    respond = provider_server.respond
    provider_server.respond = lambda *a: (release.wait(30), respond(*a))[1]  # type: ignore[method-assign]
    app = InProcessApp(env | {"OAUTH_TIMEOUT": "0.3"}, complete_schema)
    try:
        assert "could not be reached" in error_of(Browser(app.client))
    finally:
        release.set()
        app.close()
