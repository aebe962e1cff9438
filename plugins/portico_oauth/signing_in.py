"""Setting out for a provider and coming back. What a browser is told is said here; who somebody is, elsewhere."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from portico.api import House, Refusal, Unavailable, Welcome, client_address
from portico_oauth.begun import LASTS, Begun, Notebook, Spent, begin, find
from portico_oauth.faults import FAILED, Away, NotBegun, Refused
from portico_oauth.origin import base_of
from portico_oauth.provider import OAuthProvider
from portico_oauth.settings import Settings

log = structlog.get_logger("portico.oauth")

#: Characters of an id token that is kept in the browser; browsers keep 4096 of name, value and attributes.
LONGEST_ID_TOKEN = 3800
#: Characters of what a provider may send along with a browser.
LONGEST_CODE = 4096


class SentOn(msgspec.Struct, frozen=True):
    """Where a browser goes next, and the `Set-Cookie` headers it is given."""

    address: str
    cookies: list[str]


class CameBack(msgspec.Struct, frozen=True):
    """What the address says that a browser comes back to. Source: RFC 6749 §4.1.2, RFC 9207."""

    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


class SigningIn:
    """Sign-ins of one house at its providers."""

    def __init__(self, house: House, settings: Settings) -> None:
        self._house, self._settings = house, settings
        self._server = house.adjustments.of(house.settings.server)
        self._notebook = Notebook(house.vault)
        self.spent = Spent()

    def provider(self, name: str) -> OAuthProvider | None:
        """The provider of this name, if this house is registered there."""
        return provider_of(self._house, name)

    async def set_out(self, provider: OAuthProvider, scope: Mapping[str, Any]) -> SentOn:
        """Send a browser to a provider; back to our own page if that is away."""
        base = base_of((await self._server.now()).url, scope)
        redirect_uri = provider.registration.redirect_uri
        begun = begin(provider.name, redirect_uri or f"{base}/oauth/{provider.name}/callback")
        try:
            address = await provider.address(begun)
        except Away as error:
            return self._failed(provider, base, error, scope, [])
        under_way = [*self._notebook.read(scope), begun]
        return SentOn(address, [self._under_way(under_way)])

    async def come_back(
        self, provider: OAuthProvider, said: CameBack, scope: Mapping[str, Any]
    ) -> SentOn:
        """Sign in whoever comes back, or say on our own page why not.

        Raises: NotBegun for whoever did not set out from here with this browser, or was back before; TooMany.
        """
        attempt = await self._house.limiter.check("oauth", client_address(scope), None)
        base = base_of((await self._server.now()).url, scope)
        under_way = self._notebook.read(scope)
        begun = find(under_way, provider.name, said.state)
        if begun is None or not await self.spent.spend("state", begun.state, begun.until):
            log.info(
                "sign-in refused",
                provider=provider.name,
                why="it was not begun here",
                client=client_address(scope),
            )
            raise NotBegun
        cookies = [self._under_way([one for one in under_way if one.state != begun.state])]
        try:
            cookies += await self._enter(provider, said, begun, scope)
        except Unavailable:
            await attempt.withdraw()
            raise
        except Refusal as error:
            if isinstance(error, Away):
                await attempt.withdraw()
            return self._failed(provider, base, error, scope, cookies)
        await attempt.succeeded()
        return SentOn(f"{base}/auth", cookies)

    async def _enter(
        self, provider: OAuthProvider, said: CameBack, begun: Begun, scope: Mapping[str, Any]
    ) -> list[str]:
        await provider.check_sender(said.issuer)
        if said.error or not said.code or len(said.code) > LONGEST_CODE:
            raise Refused(f"the provider sent {str(said.error)[:64]!r} instead of a code")
        evidence = await provider.redeem(said.code, begun)
        welcome = await self._house.identity.enter(provider, evidence, scope)
        assert welcome.session is not None  # it was opened a moment ago
        await provider.kept.keep(welcome.session.session_id, provider.name, evidence)
        return self._tokens(welcome, evidence.id_token)

    def _tokens(self, welcome: Welcome, id_token: str) -> list[str]:
        assert welcome.session is not None
        cookies = self._house.identity.cookies
        given = [
            cookies.hand_over(welcome.session.token),
            cookies.put("oauth_session_id", welcome.session.session_id),
        ]
        if self._settings.id_token_cookie and 0 < len(id_token) <= LONGEST_ID_TOKEN:
            given.append(cookies.put("oauth_id_token", id_token))
        return given

    def _under_way(self, under_way: list[Begun]) -> str:
        cookies = self._house.identity.cookies
        value = self._notebook.write(under_way)
        return cookies.begin(value, LASTS) if value else cookies.begin("", 0)

    def _failed(
        self,
        provider: OAuthProvider,
        base: str,
        error: Refusal,
        scope: Mapping[str, Any],
        cookies: list[str],
    ) -> SentOn:
        why = getattr(error, "why", error.detail)
        log.info("sign-in refused", provider=provider.name, why=why, client=client_address(scope))
        return SentOn(f"{base}/auth?{urlencode({'error': error.detail or FAILED})}", cookies)


def provider_of(house: House, name: str) -> OAuthProvider | None:
    """One of the ways into this house, if it is one of ours."""
    way = house.identity.ways.get(name)
    return way if isinstance(way, OAuthProvider) else None
