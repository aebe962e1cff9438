"""Requests to auth providers obey the same network rules as those to model sources."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests import certificates
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.raw_server import redirect, serving

from portico.api import NetworkRules
from portico.settings.http_client import HTTPClientSettings
from portico_oauth.protocol.errors import ProviderUnavailable
from portico_oauth.protocol.http import ProviderHTTP

DOCUMENT = b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}'


def with_http(work: Callable[[ProviderHTTP], Awaitable[None]], **settings: Any) -> None:
    """Await `work` with a client that obeys these settings."""

    async def inside() -> None:
        http = ProviderHTTP(5, NetworkRules(HTTPClientSettings(**settings)))
        try:
            await work(http)
        finally:
            await http.close()

    asyncio.run(inside())


def test_proxy_leads_to_a_provider() -> None:
    async def inside() -> None:
        async with serving(lambda *_: DOCUMENT) as proxy:
            settings = HTTPClientSettings(http_proxy=proxy.url, no_proxy=["127.0.0.1"])
            http = ProviderHTTP(5, NetworkRules(settings))
            assert await http.get("http://provider.invalid/keys", dict[str, int]) == {"a": 1}
            assert proxy.heads[0].startswith("GET http://provider.invalid/keys ")
            assert await http.get(f"{proxy.url}/direct", dict[str, int]) == {"a": 1}
            assert proxy.heads[1].startswith("GET /direct ")
            await http.close()

    asyncio.run(inside())


def test_private_certificate_authority_is_trusted(tmp_path: Path) -> None:
    certificate, key = certificates.make(tmp_path, "private", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def trusting(http: ProviderHTTP) -> None:
        async with serving(lambda *_: DOCUMENT, context) as server:
            assert await http.get(server.url, dict[str, int]) == {"a": 1}

    async def distrusting(http: ProviderHTTP) -> None:
        async with serving(lambda *_: DOCUMENT, context) as server:
            with pytest.raises(ProviderUnavailable) as failure:
                await http.get(server.url, dict[str, int])
            assert "the certificate is not accepted: self" in failure.value.why

    with_http(trusting, ca_file=str(certificate))
    with_http(distrusting)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://name.invalid/", "the name was not found"),
        ("http://127.0.0.1:1/", "the connection was refused"),
    ],
)
def test_message_says_why_a_provider_does_not_answer(url: str, reason: str) -> None:
    async def asking(http: ProviderHTTP) -> None:
        with pytest.raises(ProviderUnavailable) as failure:
            await http.get(url, dict[str, int])
        assert f"does not answer: {reason}" in failure.value.why

    with_http(asking)


@pytest.mark.case("AB-46")
def test_only_redirects_to_the_same_origin_are_followed() -> None:
    async def asking(http: ProviderHTTP) -> None:
        async with (
            serving(lambda *_: DOCUMENT) as elsewhere,
            serving(lambda _, head: DOCUMENT if "/new " in head else redirect("/new")) as server,
        ):
            assert await http.get(f"{server.url}/old", dict[str, int], bearer="key") == {"a": 1}
            server.answer = lambda *_: redirect(elsewhere.url)
            with pytest.raises(ProviderUnavailable) as failure:
                await http.get(f"{server.url}/old", dict[str, int], bearer="key")
            assert "answered 307" in failure.value.why
            assert elsewhere.heads == []

    with_http(asking)
