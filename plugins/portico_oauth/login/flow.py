"""Setting out for a provider and coming back. What a browser is told is said here; who somebody is, elsewhere."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from portico.api import AppContext, DomainError, SignInResult, Unavailable, client_address
from portico_oauth.errors import FAILED, LoginRejected, ProviderUnavailable, UnknownState
from portico_oauth.login.base_url import base_of
from portico_oauth.login.pending_logins import (
    PENDING_LOGIN_SECONDS,
    PendingLogin,
    PendingLoginCookie,
    UsedTokens,
    find,
    new_pending_login,
)
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.settings import OAuthSettings

log = structlog.get_logger("portico.oauth")

#: Characters of an id token that is kept in the browser; browsers keep 4096 of name, value and attributes.
LONGEST_ID_TOKEN = 3800
#: Characters of what a provider may send along with a browser.
LONGEST_CODE = 4096


class BrowserRedirect(msgspec.Struct, frozen=True):
    """Where a browser goes next, and the `Set-Cookie` headers it is given."""

    address: str
    cookies: list[str]


class CallbackParams(msgspec.Struct, frozen=True):
    """What the address says that a browser comes back to. Source: RFC 6749 §4.1.2, RFC 9207."""

    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


class LoginFlow:
    """Sign-ins of one house at its providers."""

    def __init__(self, app: AppContext, settings: OAuthSettings) -> None:
        self._app, self._settings = app, settings
        self._server = app.runtime_settings.of(app.settings.server)
        self._notebook = PendingLoginCookie(app.encryptor)
        self.spent = UsedTokens()

    def provider(self, name: str) -> OAuthProvider | None:
        """The provider of this name, if this house is registered there."""
        return provider_of(self._app, name)

    async def start(self, provider: OAuthProvider, scope: Mapping[str, Any]) -> BrowserRedirect:
        """Send a browser to a provider; back to our own page if that is away."""
        base = base_of((await self._server.current()).url, scope)
        redirect_uri = provider.registration.redirect_uri
        begun = new_pending_login(
            provider.name, redirect_uri or f"{base}/oauth/{provider.name}/callback"
        )
        try:
            address = await provider.authorization_url(begun)
        except ProviderUnavailable as error:
            return self._failed(provider, base, error, scope, [])
        under_way = [*self._notebook.read(scope), begun]
        return BrowserRedirect(address, [self._under_way(under_way)])

    async def callback(
        self, provider: OAuthProvider, said: CallbackParams, scope: Mapping[str, Any]
    ) -> BrowserRedirect:
        """Sign in whoever comes back, or say on our own page why not.

        Raises: UnknownState for whoever did not set out from here with this browser, or was back before; RateLimited.
        """
        attempt = await self._app.limiter.acquire("oauth", client_address(scope), None)
        base = base_of((await self._server.current()).url, scope)
        under_way = self._notebook.read(scope)
        begun = find(under_way, provider.name, said.state)
        if begun is None or not await self.spent.use("state", begun.state, begun.until):
            log.info(
                "sign-in refused",
                provider=provider.name,
                why="it was not begun here",
                client=client_address(scope),
            )
            raise UnknownState
        cookies = [self._under_way([one for one in under_way if one.state != begun.state])]
        try:
            cookies += await self._enter(provider, said, begun, scope)
        except Unavailable:
            await attempt.withdraw()
            raise
        except DomainError as error:
            if isinstance(error, ProviderUnavailable):
                await attempt.withdraw()
            return self._failed(provider, base, error, scope, cookies)
        await attempt.succeeded()
        return BrowserRedirect(f"{base}/auth", cookies)

    async def _enter(
        self,
        provider: OAuthProvider,
        said: CallbackParams,
        begun: PendingLogin,
        scope: Mapping[str, Any],
    ) -> list[str]:
        await provider.check_sender(said.issuer)
        if said.error or not said.code or len(said.code) > LONGEST_CODE:
            raise LoginRejected(f"the provider sent {str(said.error)[:64]!r} instead of a code")
        evidence = await provider.exchange_code(said.code, begun)
        welcome = await self._app.identity.auth.sign_in_with(provider, evidence, scope)
        assert welcome.session is not None  # it was opened a moment ago
        await provider.kept.keep(welcome.session.session_id, provider.name, evidence)
        return self._tokens(welcome, evidence.id_token)

    def _tokens(self, welcome: SignInResult, id_token: str) -> list[str]:
        assert welcome.session is not None
        cookies = self._app.identity.cookies
        given = [
            cookies.readable_session(welcome.session.token),
            cookies.set("oauth_session_id", welcome.session.session_id),
        ]
        if self._settings.id_token_cookie and 0 < len(id_token) <= LONGEST_ID_TOKEN:
            given.append(cookies.set("oauth_id_token", id_token))
        return given

    def _under_way(self, under_way: list[PendingLogin]) -> str:
        cookies = self._app.identity.cookies
        value = self._notebook.write(under_way)
        return (
            cookies.oauth_state(value, PENDING_LOGIN_SECONDS)
            if value
            else cookies.oauth_state("", 0)
        )

    def _failed(
        self,
        provider: OAuthProvider,
        base: str,
        error: DomainError,
        scope: Mapping[str, Any],
        cookies: list[str],
    ) -> BrowserRedirect:
        why = getattr(error, "why", error.detail)
        log.info("sign-in refused", provider=provider.name, why=why, client=client_address(scope))
        return BrowserRedirect(
            f"{base}/auth?{urlencode({'error': error.detail or FAILED})}", cookies
        )


def provider_of(app: AppContext, name: str) -> OAuthProvider | None:
    """One of the ways into this house, if it is one of ours."""
    way = app.identity.auth.providers.get(name)
    return way if isinstance(way, OAuthProvider) else None
