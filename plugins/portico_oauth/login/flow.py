"""The sign-in at a provider as the browser sees it: redirect to the provider, callback, cookies, error page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from portico.api import (
    AppContext,
    DomainError,
    InvalidRequest,
    ServerSettings,
    Unavailable,
    base_url,
)
from portico.api.auth import SignInResult, client_address
from portico_oauth.login.pending_logins import (
    PENDING_LOGIN_SECONDS,
    PendingLogin,
    PendingLoginCookie,
    find,
    new_pending_login,
)
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.login.used_tokens import UsedTokens
from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable
from portico_oauth.settings import OAuthSettings

log = structlog.get_logger("portico.oauth")

#: The message of an error without a text of its own. Source: the clients' contract.
FAILED = "[ERROR: Error during OAuth process]"
#: In a cookie; browsers store 4096 characters of name, value and attributes.
MAX_ID_TOKEN_CHARS = 3800
MAX_CODE_CHARS = 4096


class UnknownState(InvalidRequest):
    """The browser did not start this sign-in, it started it more than ten minutes ago, or the state was used before."""

    default = "[ERROR: This sign-in was not started in this browser, or it has expired. Please start again.]"


class BrowserRedirect(msgspec.Struct, frozen=True):
    """A redirect with `Set-Cookie` headers."""

    url: str
    cookies: list[str]


class CallbackParams(msgspec.Struct, frozen=True):
    """The query parameters of the callback. Source: RFC 6749 §4.1.2, RFC 9207."""

    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


class LoginFlow:
    """Starts and completes sign-ins at providers."""

    def __init__(self, app: AppContext, settings: OAuthSettings, used_tokens: UsedTokens) -> None:
        self._app, self._settings = app, settings
        self._server = app.runtime_settings.section(ServerSettings)
        self._cookie = PendingLoginCookie(app.encryptor)
        self._used_tokens = used_tokens

    async def start(self, provider: OAuthProvider, scope: Mapping[str, Any]) -> BrowserRedirect:
        """Return the redirect to the provider, or to our own error page if the provider is unavailable."""
        base = base_url((await self._server.current()).url, scope)
        redirect_uri = provider.registration.redirect_uri
        pending = new_pending_login(
            provider.name, redirect_uri or f"{base}/oauth/{provider.name}/callback"
        )
        try:
            url = await provider.authorization_url(pending)
        except ProviderUnavailable as error:
            return self._failed(provider, base, error, scope, [])
        all_pending = [*self._cookie.read(scope), pending]
        return BrowserRedirect(url, [self._state_cookie(all_pending)])

    async def callback(
        self, provider: OAuthProvider, params: CallbackParams, scope: Mapping[str, Any]
    ) -> BrowserRedirect:
        """Sign the user in, or redirect to our own page with the reason for the failure.

        Raises: UnknownState if this browser has no such pending sign-in or the state was used before; RateLimited.
        """
        attempt = await self._app.limiter.acquire("oauth", client_address(scope), None)
        base = base_url((await self._server.current()).url, scope)
        all_pending = self._cookie.read(scope)
        pending = find(all_pending, provider.name, params.state)
        if pending is None or not await self._used_tokens.use(
            "state", pending.state, pending.expires_at
        ):
            log.info(
                "sign-in rejected",
                provider=provider.name,
                why="the browser has no such pending sign-in",
                client=client_address(scope),
            )
            raise UnknownState
        others = [other for other in all_pending if other.state != pending.state]
        cookies = [self._state_cookie(others)]
        try:
            cookies += await self._complete(provider, params, pending, scope)
        except Unavailable:
            await attempt.withdraw()
            raise
        except DomainError as error:
            if isinstance(error, ProviderUnavailable):
                await attempt.withdraw()
            return self._failed(provider, base, error, scope, cookies)
        await attempt.succeeded()
        return BrowserRedirect(f"{base}/auth", cookies)

    async def _complete(
        self,
        provider: OAuthProvider,
        params: CallbackParams,
        pending: PendingLogin,
        scope: Mapping[str, Any],
    ) -> list[str]:
        await provider.check_issuer(params.issuer)
        if params.error or not params.code or len(params.code) > MAX_CODE_CHARS:
            raise LoginRejected(
                f"the provider returned {str(params.error)[:64]!r} instead of a code"
            )
        result = await provider.exchange_code(params.code, pending)
        signed_in = await self._app.identity.auth.sign_in_with(provider, result, scope)
        assert signed_in.session is not None  # `sign_in_with` has opened it
        await provider.tokens.save(signed_in.session.session_id, provider.name, result)
        return self._session_cookies(signed_in, result.id_token)

    def _session_cookies(self, signed_in: SignInResult, id_token: str) -> list[str]:
        assert signed_in.session is not None
        cookies = self._app.identity.cookies
        values = [
            cookies.readable_session(signed_in.session.token),
            cookies.set("oauth_session_id", signed_in.session.session_id),
        ]
        if self._settings.id_token_cookie and 0 < len(id_token) <= MAX_ID_TOKEN_CHARS:
            values.append(cookies.set("oauth_id_token", id_token))
        return values

    def _state_cookie(self, pending_logins: list[PendingLogin]) -> str:
        cookies = self._app.identity.cookies
        value = self._cookie.write(pending_logins)
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
        log.info("sign-in rejected", provider=provider.name, why=why, client=client_address(scope))
        return BrowserRedirect(
            f"{base}/auth?{urlencode({'error': error.detail or FAILED})}", cookies
        )
