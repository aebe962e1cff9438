"""Authentication: resolves the actor of a request, signs users in through the providers, and signs them out."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import structlog

from portico.errors import (
    ACTION_PROHIBITED,
    API_KEY_OUT_OF_BOUNDS,
    INVALID_TOKEN,
    USER_MISMATCH,
    Forbidden,
    Unauthenticated,
)
from portico.identity.accounts.account import Account
from portico.identity.accounts.last_seen import LastSeenTracker
from portico.identity.sessions.actor import Actor, TokenAuthenticator
from portico.identity.sessions.credentials import credential_from
from portico.identity.sessions.session_origin import session_origin
from portico.identity.sessions.sessions import Sessions, StaleAccount
from portico.identity.sign_in.providers import (
    AuthProvider,
    ExternalIdentity,
    ProviderKind,
    ProviderSignOut,
    RequestVerifier,
    SharedSignInProvider,
    ToggleableProvider,
)
from portico.identity.sign_in.provisioning import AccountProvisioner
from portico.identity.sign_in.session_response import SessionResponder, SignInResult
from portico.rate_limits import RateLimiter

log = structlog.get_logger("portico.identity")

#: Order in which providers read a request to the shared sign-in endpoint.
SHARED_SIGN_IN_ORDER: tuple[ProviderKind, ...] = ("none", "header", "form", "redirect")
#: Attempts of a sign-in during which all sessions of the account are ended.
MAX_ATTEMPTS: Final = 3


class Authenticator:
    """Authenticates requests. `presence` and `session_presence` note when accounts and sessions were seen."""

    def __init__(
        self,
        sessions: Sessions,
        provisioner: AccountProvisioner,
        responder: SessionResponder,
        *,
        presence: LastSeenTracker,
        session_presence: LastSeenTracker,
        limiter: RateLimiter | None,
    ) -> None:
        self._sessions, self._provisioner, self._responder = sessions, provisioner, responder
        self._presence, self._session_presence = presence, session_presence
        self._limiter = limiter
        self.providers: dict[str, AuthProvider] = {}
        self.token_authenticators: list[TokenAuthenticator] = []
        self._verifiers: list[RequestVerifier] = []

    def add_providers(
        self,
        providers: Collection[AuthProvider] = (),
        token_authenticators: Collection[TokenAuthenticator] = (),
    ) -> None:
        """Register providers and token authenticators."""
        self.providers.update((provider.name, provider) for provider in providers)
        self._verifiers += [
            provider for provider in providers if isinstance(provider, RequestVerifier)
        ]
        self.token_authenticators += token_authenticators

    def remove_providers(
        self,
        providers: Collection[AuthProvider] = (),
        token_authenticators: Collection[TokenAuthenticator] = (),
    ) -> None:
        """Remove providers and token authenticators."""
        for provider in providers:
            self.providers.pop(provider.name, None)
        self._verifiers = [
            provider
            for provider in self.providers.values()
            if isinstance(provider, RequestVerifier)
        ]
        self.token_authenticators[:] = [
            authenticator
            for authenticator in self.token_authenticators
            if authenticator not in token_authenticators
        ]

    async def active_providers(self) -> list[AuthProvider]:
        """Return the providers that users can sign in with now, sorted by name."""
        providers = [self.providers[name] for name in sorted(self.providers)]
        return [
            provider
            for provider in providers
            if not isinstance(provider, ToggleableProvider) or await provider.is_enabled()
        ]

    @property
    def uses_passwords(self) -> bool:
        """Whether users have passwords: not if a header identifies them or no sign-in is needed."""
        return not any(provider.kind in ("none", "header") for provider in self.providers.values())

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Return the actor of an ASGI request.

        Raises: Unauthenticated, with different texts for a missing and an invalid credential; Forbidden for a credential
        that may not be used for this; RateLimited after many invalid tokens.
        """
        credential = credential_from(scope)
        if credential is None:
            raise Unauthenticated
        authenticator = next(
            (
                authenticator
                for authenticator in self.token_authenticators
                if credential.token.startswith(authenticator.prefix)
            ),
            None,
        )
        if authenticator is None:
            actor = await self._sessions.resolve(credential.token)
        elif credential.by_cookie:
            # Browsers send cookies by themselves, so only session tokens are accepted from a cookie.
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)
        else:
            actor = await self._authenticate_token(authenticator, credential.token, scope)
        if actor is None:
            raise Unauthenticated(INVALID_TOKEN)
        if self._verifiers and not all(
            verifier.accepts(scope, actor) for verifier in self._verifiers
        ):
            raise Unauthenticated(USER_MISMATCH)
        self._presence.touch(actor.id)
        if authenticator is None:
            self._session_presence.touch(actor.session_id)
        return actor

    async def sign_in(self, body: bytes, scope: Mapping[str, Any]) -> SignInResult:
        """Sign in with the first provider that reads the request to the shared sign-in endpoint.

        Raises: as `sign_in_with`; ValidationError; Forbidden if no provider reads it.
        """
        providers = sorted(
            self.providers.values(),
            key=lambda provider: (SHARED_SIGN_IN_ORDER.index(provider.kind), provider.name),
        )
        for provider in providers:
            attempt = (
                provider.read_sign_in(body, scope)
                if isinstance(provider, SharedSignInProvider)
                else None
            )
            if attempt is not None:
                return await self.sign_in_with(provider, attempt, scope)
        raise Forbidden(ACTION_PROHIBITED)

    async def _authenticate_token(
        self, authenticator: TokenAuthenticator, token: str, scope: Mapping[str, Any]
    ) -> Actor | None:
        """Return the actor of a token that is not a session token. An invalid token counts as a failed attempt.

        Valid tokens are not counted, so guessing from the same address does not lock out their owners.
        """
        actor = await authenticator.authenticate(token)
        if actor is None and self._limiter is not None:
            client = scope.get("client")
            async with await self._limiter.acquire(
                authenticator.kind, client[0] if client else "", None
            ):
                raise Unauthenticated(INVALID_TOKEN)
        return actor

    async def optional_actor(self, scope: Mapping[str, Any]) -> Actor | None:
        """Return the signed-in actor for a public route; None without a valid session token. API keys are ignored."""
        credential = credential_from(scope)
        return None if credential is None else await self.actor_of_token(credential.token, scope)

    async def actor_of_token(self, token: str, scope: Mapping[str, Any]) -> Actor | None:
        """Return the actor of a session token, wherever it came from; None if it is not valid. `scope`: ASGI request."""
        actor = await self._sessions.resolve(token)
        if actor is None or not all(verifier.accepts(scope, actor) for verifier in self._verifiers):
            return None
        return actor

    async def sign_in_with(
        self, provider: AuthProvider, attempt: Any, scope: Mapping[str, Any]
    ) -> SignInResult:
        """Sign a user in with a provider.

        `attempt`: what `provider.authenticate` takes; `scope`: the ASGI request. Raises: what that raises; InvalidRequest
        and Forbidden as `AccountProvisioner.provision`.
        """
        authenticated = await provider.authenticate(attempt)
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return await self._open_session_of(provider, authenticated, scope)
            except StaleAccount:
                # The user may have signed out everywhere else, which does not concern this sign-in, or have changed
                # the password, which does. What an external provider said about the user is still true.
                if isinstance(authenticated, Account):
                    authenticated = await provider.authenticate(attempt)
        return await self._open_session_of(provider, authenticated, scope)

    async def _open_session_of(
        self,
        provider: AuthProvider,
        authenticated: Account | ExternalIdentity,
        scope: Mapping[str, Any],
    ) -> SignInResult:
        if isinstance(authenticated, Account):
            return await self.open_session(provider, authenticated, scope)
        account = await self._provisioner.provision(
            provider.name, authenticated, provider.provisioning_rules
        )
        return await self.open_session(provider, account, scope, authenticated.provider_session_id)

    async def open_session(
        self,
        provider: AuthProvider,
        account: Account,
        scope: Mapping[str, Any],
        provider_session: str | None = None,
    ) -> SignInResult:
        """Open a session for an account that is authenticated already, such as after a sign-up."""
        origin = session_origin(scope, provider.name, provider_session)
        return await self._responder.sign_in(account, origin)

    async def sign_out(self, token: str) -> str | None:
        """End the session of a token. Returns the URL that the browser should open next, or None.

        The session ends also if the provider fails to end its own session.
        """
        try:
            return await self._sign_out_at_provider(token)
        finally:
            await self._sessions.end(token)

    async def _sign_out_at_provider(self, token: str) -> str | None:
        """Sign out at the provider. Called before the session is deleted, because its provider data goes with it."""
        session = await self._sessions.method_of(token)
        provider = self.providers.get(session.method) if session else None
        if session is None or not isinstance(provider, ProviderSignOut):
            return None
        try:
            return await provider.sign_out(session.session_id)
        except Exception as error:  # noqa: BLE001 - of a plugin; the session ends in any case
            log.warning(
                "sign-out at the provider failed",
                provider=provider.name,
                error=type(error).__name__,
            )
            return None
