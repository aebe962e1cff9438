"""What a provider says about itself: its discovery document and its keys, remembered for a while.

When it is away for a moment, what it said last is used. Unknown keys have the key set read again, though not more
often than once in half a minute: tokens with made-up key ids cost nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog

from portico_oauth.errors import ProviderUnavailable
from portico_oauth.protocol.jwks import KeySet, read_keys
from portico_oauth.registrations import WELL_KNOWN, Registration

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

log = structlog.get_logger("portico.oauth")

#: Seconds for which a document is good, and between two attempts to get one that does not come.
METADATA_TTL_SECONDS, RETRY_SECONDS = 3600.0, 30.0
_ADDRESS_PATTERN = r"^https?://[!-~]{1,2000}\Z"
Address = Annotated[str, msgspec.Meta(pattern=_ADDRESS_PATTERN)]
Thing = TypeVar("Thing")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """A discovery document, as far as it is looked at. Source: OpenID Connect Discovery 1.0, RFC 8414, RFC 9207."""

    issuer: Address
    authorization_endpoint: Address
    token_endpoint: Address
    jwks_uri: Address
    userinfo_endpoint: Address | None = None
    end_session_endpoint: Address | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    backchannel_logout_supported: bool | None = None

    @property
    def addresses(self) -> list[str]:
        """Where it has us send anything."""
        found = (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            self.userinfo_endpoint,
            self.end_session_endpoint,
        )
        return [one for one in found if one]


class CachedDocument(Generic[Thing]):
    """One document, fetched by one at a time."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Thing]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._held: Thing | None = None
        self._good_until = self._again_at = -1.0
        self._tries, self._failed = 0, ProviderUnavailable("")
        self._turn = asyncio.Lock()

    async def get(self) -> Thing:
        """The document. Raises: Away if there was never one."""
        if self._held is not None and self._clock() < self._good_until:
            return self._held
        tries = self._tries
        async with self._turn:
            if self._held is not None and self._clock() < self._good_until:
                return self._held
            if self._tries != tries:
                # Whoever waited for one that failed does not wait for another of their own.
                raise ProviderUnavailable(self._failed.why)
            try:
                return await self._renew()
            except ProviderUnavailable as error:
                self._tries, self._failed = self._tries + 1, error
                if self._held is None:
                    raise
                log.warning("a provider is away; what it said last is used", why=error.why)
                self._good_until = self._clock() + RETRY_SECONDS
                return self._held

    async def get_newer(self, than: Thing) -> Thing:
        """The document, read again unless that was done a moment ago. Raises: Away."""
        async with self._turn:
            if self._held is than and self._clock() >= self._again_at:
                self._again_at = self._clock() + RETRY_SECONDS
                return await self._renew()
        return await self.get()

    async def _renew(self) -> Thing:
        self._held = await self._fetch()
        self._good_until = self._clock() + METADATA_TTL_SECONDS
        return self._held


class Discovery:
    """What one provider that speaks OpenID Connect says about itself."""

    def __init__(
        self,
        registration: Registration,
        wire: "ProviderHTTP",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registration, self._wire = registration, wire
        self._metadata = CachedDocument(self._fetch_metadata, clock)
        self._keys = CachedDocument(self._fetch_keys, clock)

    async def metadata(self) -> Metadata:
        """Raises: Away, also for a document that cannot be trusted."""
        return await self._metadata.get()

    async def keys(self) -> KeySet:
        """Raises: Away."""
        return await self._keys.get()

    async def newer_keys(self, than: KeySet) -> KeySet:
        """Asked when a key is not among these. Raises: Away."""
        return await self._keys.get_newer(than)

    async def _fetch_metadata(self) -> Metadata:
        url = self._registration.discovery_url
        found = await self._wire.get(url, Metadata)
        expected = expected_issuers(self._registration)
        if expected and found.issuer not in expected:
            name = self._registration.name
            raise ProviderUnavailable(
                f"{url} says its issuer is {found.issuer!r}, expected {expected[0]!r}; if that is right, "
                f"set PORTICO_OAUTH_{name.upper()}_ISSUER"
            )
        if url.startswith("https://"):
            for address in found.addresses:
                if not address.startswith("https://"):
                    raise ProviderUnavailable(
                        f"{url} names the address {address!r}, which is not https"
                    )
        return found

    async def _fetch_keys(self) -> KeySet:
        metadata = await self.metadata()
        return read_keys(await self._wire.get(metadata.jwks_uri, msgspec.Raw))


def expected_issuers(registration: Registration) -> list[str]:
    """What the issuer may be called; empty = that depends on the tenant.

    Source: OpenID Connect Discovery 1.0 §4.3, what the address of the document begins with.
    """
    if registration.any_tenant:
        return []
    if registration.issuer:
        return [registration.issuer]
    begin = registration.discovery_url.partition(WELL_KNOWN)[0]
    return [begin, f"{begin}/"]


def hosts(metadata: Metadata) -> set[str]:
    """The provider's own hosts, with their ports."""
    return {urlsplit(one).netloc.lower() for one in (*metadata.addresses, metadata.issuer)}
