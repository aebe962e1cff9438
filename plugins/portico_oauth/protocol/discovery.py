"""Cached discovery document and signing keys of a provider.

While the provider is unavailable, the last documents are used. A token with an unknown key id causes a new request for
the keys, at most once in 30 seconds, so that invented key ids cost nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog

from portico_oauth.protocol.errors import ProviderUnavailable
from portico_oauth.protocol.jwks import KeySet, read_keys
from portico_oauth.protocol.metadata import Metadata, read_metadata
from portico_oauth.protocol.registration import WELL_KNOWN, Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

log = structlog.get_logger("portico.oauth")

#: Seconds for which a document is used, and between two requests while they fail.
METADATA_TTL_SECONDS, RETRY_SECONDS = 3600.0, 30.0
T = TypeVar("T")


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
        metadata = read_metadata(await self._http.get(url, dict[str, Any]), url)
        if metadata.ignored:
            log.warning(
                "invalid members of the discovery document ignored",
                provider=self._registration.name,
                url=url.partition("?")[0],
                members=list(metadata.ignored),
            )
        expected = expected_issuers(self._registration)
        if expected and metadata.issuer not in expected:
            name = self._registration.name
            raise ProviderUnavailable(
                f"{url} names the issuer {metadata.issuer!r}, expected {expected[0]!r}; if the issuer is right, "
                f"set PORTICO_OAUTH_{name.upper()}_ISSUER"
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
