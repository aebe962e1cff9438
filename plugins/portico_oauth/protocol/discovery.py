"""Cached discovery document and signing keys of a provider.

While the provider is unavailable, the last documents are used. A token with an unknown key id causes a new request for
the keys, at most once in 30 seconds, so that invented key ids cost nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog

from portico_oauth.protocol.errors import ProviderUnavailable
from portico_oauth.protocol.jwks import KeySet, read_keys
from portico_oauth.protocol.registration import WELL_KNOWN, Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

log = structlog.get_logger("portico.oauth")

#: Seconds for which a document is used, and between two requests while they fail.
METADATA_TTL_SECONDS, RETRY_SECONDS = 3600.0, 30.0
_URL_PATTERN = r"^https?://[!-~]{1,2000}\Z"
Url = Annotated[str, msgspec.Meta(pattern=_URL_PATTERN)]
T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a discovery document that are read. Source: OpenID Connect Discovery 1.0, RFC 8414, RFC 9207."""

    issuer: Url
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    userinfo_endpoint: Url | None = None
    end_session_endpoint: Url | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    backchannel_logout_supported: bool | None = None

    @property
    def urls(self) -> list[str]:
        """All URLs in the document that requests or browsers are sent to."""
        urls = (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            self.userinfo_endpoint,
            self.end_session_endpoint,
        )
        return [url for url in urls if url]


class CachedDocument(Generic[T]):
    """One document with an expiry; at most one request for it runs at a time."""

    def __init__(
        self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._document: T | None = None
        self._expires_at = self._retry_at = -1.0
        self._failures, self._last_error = 0, ProviderUnavailable("")
        self._lock = asyncio.Lock()

    async def get(self) -> T:
        """Return the document. Raises: ProviderUnavailable if it was never loaded."""
        if self._document is not None and self._clock() < self._expires_at:
            return self._document
        failures = self._failures
        async with self._lock:
            if self._document is not None and self._clock() < self._expires_at:
                return self._document
            if self._failures != failures:
                # The request this one waited for has failed; do not start another.
                raise ProviderUnavailable(self._last_error.why)
            try:
                return await self._renew()
            except ProviderUnavailable as error:
                self._failures, self._last_error = self._failures + 1, error
                if self._document is None:
                    raise
                log.warning("provider unavailable, cached document used", why=error.why)
                self._expires_at = self._clock() + RETRY_SECONDS
                return self._document

    async def get_newer(self, old: T) -> T:
        """Return the document, loaded again unless that was done in the last 30 seconds. Raises: ProviderUnavailable."""
        async with self._lock:
            if self._document is old and self._clock() >= self._retry_at:
                self._retry_at = self._clock() + RETRY_SECONDS
                return await self._renew()
        return await self.get()

    async def _renew(self) -> T:
        self._document = await self._fetch()
        self._expires_at = self._clock() + METADATA_TTL_SECONDS
        return self._document


class Discovery:
    """The discovery document and the signing keys of one provider with OpenID Connect."""

    def __init__(
        self,
        registration: Registration,
        http: "ProviderHTTP",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registration, self._http = registration, http
        self._metadata = CachedDocument(self._fetch_metadata, clock)
        self._keys = CachedDocument(self._fetch_keys, clock)

    async def metadata(self) -> Metadata:
        """Return the document. Raises: ProviderUnavailable, also for a document that cannot be trusted."""
        return await self._metadata.get()

    async def keys(self) -> KeySet:
        """Return the cached signing keys. Raises: ProviderUnavailable."""
        return await self._keys.get()

    async def newer_keys(self, old: KeySet) -> KeySet:
        """Load the keys again because `old` lacks one. Raises: ProviderUnavailable."""
        return await self._keys.get_newer(old)

    async def _fetch_metadata(self) -> Metadata:
        url = self._registration.discovery_url
        metadata = await self._http.get(url, Metadata)
        expected = expected_issuers(self._registration)
        if expected and metadata.issuer not in expected:
            name = self._registration.name
            raise ProviderUnavailable(
                f"{url} names the issuer {metadata.issuer!r}, expected {expected[0]!r}; if the issuer is right, "
                f"set PORTICO_OAUTH_{name.upper()}_ISSUER"
            )
        if url.startswith("https://"):
            for linked in metadata.urls:
                if not linked.startswith("https://"):
                    raise ProviderUnavailable(
                        f"{url} names the address {linked!r}, which is not https"
                    )
        return metadata

    async def _fetch_keys(self) -> KeySet:
        metadata = await self.metadata()
        return read_keys(await self._http.get(metadata.jwks_uri, msgspec.Raw))


def expected_issuers(registration: Registration) -> list[str]:
    """Return the allowed issuers; empty if the issuer depends on the tenant.

    Source: OpenID Connect Discovery 1.0 §4.3: the issuer is the start of the discovery URL.
    """
    if registration.any_tenant:
        return []
    if registration.issuer:
        return [registration.issuer]
    begin = registration.discovery_url.partition(WELL_KNOWN)[0]
    return [begin, f"{begin}/"]


def hosts(metadata: Metadata) -> set[str]:
    """Return the provider's own hosts, with their ports."""
    return {urlsplit(url).netloc.lower() for url in (*metadata.urls, metadata.issuer)}
