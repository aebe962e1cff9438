"""Authentication: resolves the actor of a request, signs users in through the providers, and signs them out."""

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, cast

import msgspec
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
from portico.identity.sessions.credentials import (
    USED_CREDENTIAL,
    Credential,
    credential_from,
    key_beside,
)
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
from portico.plugin_errors.plugin_exit import PluginFault
from portico.rate_limits import RateLimiter

log = structlog.get_logger("portico.identity")

#: Calls what a plugin has registered: its name, what it does, the call, the object. Raises: PluginFault, DomainError.
IsolateFn = Callable[[str, str, Callable[[], Any], object], Awaitable[Any]]
#: Order in which providers read a request to the shared sign-in endpoint.
SHARED_SIGN_IN_ORDER: tuple[ProviderKind, ...] = ("none", "header", "form", "redirect")
#: Attempts of a sign-in during which all sessions of the account are ended.
MAX_ATTEMPTS: Final = 3


async def call_directly(_plugin: str, _doing: str, call: Callable[[], Any], _origin: object) -> Any:
    """Call a method of a provider without plugin isolation."""
    result = call()
    return await result if inspect.isawaitable(result) else result


class Authenticator:
    """Authenticates requests. `presence` and `session_presence` note when accounts and sessions were seen.

    `isolate`: calls what a plugin has registered, within its limit of time.
    """

    def __init__(
        self,
        sessions: Sessions,
        provisioner: AccountProvisioner,
        responder: SessionResponder,
        *,
        presence: LastSeenTracker,
        session_presence: LastSeenTracker,
        limiter: RateLimiter | None,
        isolate: IsolateFn = call_directly,
    ) -> None:
        self._sessions, self._provisioner, self._responder = sessions, provisioner, responder
        self._presence, self._session_presence = presence, session_presence
        self._limiter, self._isolate = limiter, isolate
        self.providers: dict[str, AuthProvider] = {}
        #: Set when the plugin that should identify the users has failed.
        self.passwords_are_closed = False
        self.token_authenticators: list[TokenAuthenticator] = []
        self._verifiers: list[RequestVerifier] = []
        #: Read once, when they were registered: by the names of the providers.
        self._kinds: dict[str, ProviderKind] = {}
        #: The plugins of providers and token authenticators, by identity.
        self._plugins: dict[int, str] = {}

    def add_providers(
        self,
        providers: Collection[AuthProvider] = (),
        token_authenticators: Collection[TokenAuthenticator] = (),
        plugin: str = "portico",
    ) -> None:
        """Register providers and token authenticators of a plugin."""
        for provider in providers:
            self.providers[provider.name] = provider
            self._kinds[provider.name] = provider.kind
        self._plugins |= {id(one): plugin for one in (*providers, *token_authenticators)}
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
        """Return the providers that users can sign in with now, sorted by name. One that cannot say so is left out."""
        providers = [self.providers[name] for name in sorted(self.providers)]
        return [provider for provider in providers if await self._is_enabled(provider)]

    async def _is_enabled(self, provider: AuthProvider) -> bool:
        if not isinstance(provider, ToggleableProvider):
            return True
        try:
            return bool(await self._call(provider, "is_enabled", provider.is_enabled))
        except PluginFault:
            return False

    @property
    def uses_passwords(self) -> bool:
        """Whether users have passwords: not if a header identifies them or no sign-in is needed."""
        if self.passwords_are_closed:
            return False
        return not any(self._kinds[name] in ("none", "header") for name in self.providers)

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Return the actor of an ASGI request.

        Raises: Unauthenticated, with different texts for a missing and an invalid credential; Forbidden for a credential
        that may not be used for this; RateLimited after many invalid tokens.
        """
        credential = credential_from(scope)
        if credential is None:
            raise Unauthenticated
        actor, authenticator = await self._actor_of(credential, scope)
        if actor is None and authenticator is None and (key := key_beside(credential, scope)):
            # The bearer token is no session's, so a proxy in front has added it for itself.
            actor, authenticator = await self._actor_of(key, scope)
            cast("dict[str, Any]", scope)[USED_CREDENTIAL] = key
        if actor is None:
            raise Unauthenticated(INVALID_TOKEN)
        if self._verifiers and not await self._accept(scope, actor):
            raise Unauthenticated(USER_MISMATCH)
        self._presence.touch(actor.id)
        if authenticator is None:
            self._session_presence.touch(actor.session_id)
        return actor

    async def _actor_of(
        self, credential: Credential, scope: Mapping[str, Any]
    ) -> tuple[Actor | None, TokenAuthenticator | None]:
        """Return the actor of a credential, and what has authenticated it; None for the sessions. Raises: as `identify`."""
        authenticator = next(
            (
                authenticator
                for authenticator in self.token_authenticators
                if credential.token.startswith(authenticator.prefix)
            ),
            None,
        )
        if authenticator is None:
            return await self._sessions.resolve(credential.token), None
        if credential.by_cookie:
            # Browsers send cookies by themselves, so only session tokens are accepted from a cookie.
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)
        return await self._authenticate_token(authenticator, credential.token, scope), authenticator

    async def sign_in(self, body: bytes, scope: Mapping[str, Any]) -> SignInResult:
        """Sign in with the first provider that reads the request to the shared sign-in endpoint.

        Raises: as `sign_in_with`; ValidationError; Forbidden if no provider reads it. One that fails to read is left out.
        """
        names = sorted(
            self.providers, key=lambda name: (SHARED_SIGN_IN_ORDER.index(self._kinds[name]), name)
        )
        for provider in (self.providers[name] for name in names):
            if not isinstance(provider, SharedSignInProvider):
                continue
            read = partial(provider.read_sign_in, body, scope)
            with contextlib.suppress(PluginFault):
                attempt = await self._call(provider, "read_sign_in", read)
                if attempt is not None:
                    break
        else:
            raise Forbidden(ACTION_PROHIBITED)
        return await self.sign_in_with(provider, attempt, scope)

    async def _accept(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Return whether all verifiers accept a request. One that fails accepts nothing: the error is raised."""
        for verifier in self._verifiers:
            if not await self._call(verifier, "accepts", partial(verifier.accepts, scope, actor)):
                return False
        return True

    async def _call(self, owner: object, method: str, call: Callable[[], Any]) -> Any:
        """Call a method of a provider or a token authenticator. Raises: PluginFault; DomainError as the method does."""
        name = getattr(owner, "name", None) or getattr(owner, "kind", "")
        plugin = self._plugins.get(id(owner), "portico")
        return await self._isolate(plugin, f"{method} of {name!r}", call, owner)

    async def _authenticate_token(
        self, authenticator: TokenAuthenticator, token: str, scope: Mapping[str, Any]
    ) -> Actor | None:
        """Return the actor of a token that is not a session token. An invalid token counts as a failed attempt.

        Valid tokens are not counted, so guessing from the same address does not lock out their owners.
        """

        async def authenticate() -> Actor | None:
            found: Any = await authenticator.authenticate(token)
            if not isinstance(found, Actor | None):
                raise TypeError(f"it returned {type(found).__name__}; return an Actor, or None")
            return found

        actor: Actor | None = await self._call(authenticator, "authenticate", authenticate)
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
        if actor is None or not await self._accept(scope, actor):
            return None
        return actor

    async def sign_in_with(
        self, provider: AuthProvider, attempt: Any, scope: Mapping[str, Any]
    ) -> SignInResult:
        """Sign a user in with a provider.

        `attempt`: what `provider.authenticate` takes; `scope`: the ASGI request. Raises: what that raises; InvalidRequest
        and Forbidden as `AccountProvisioner.provision`.
        """
        authenticated = await self._authenticate(provider, attempt)
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return await self._open_session_of(provider, authenticated, scope)
            except StaleAccount:
                # The user may have signed out everywhere else, which does not concern this sign-in, or have changed
                # the password, which does. What an external provider said about the user is still true.
                if isinstance(authenticated, Account):
                    authenticated = await self._authenticate(provider, attempt)
        return await self._open_session_of(provider, authenticated, scope)

    async def _authenticate(
        self, provider: AuthProvider, attempt: Any
    ) -> Account | ExternalIdentity:
        async def authenticate() -> Account | ExternalIdentity:
            found: Any = await provider.authenticate(attempt)
            if isinstance(found, ExternalIdentity):
                # Fields are not checked when a struct is made, and these are of the provider's making.
                return msgspec.convert(msgspec.structs.asdict(found), ExternalIdentity)
            if not isinstance(found, Account):
                raise TypeError(
                    f"it returned {type(found).__name__}; return an Account or an ExternalIdentity"
                )
            return found

        result: Account | ExternalIdentity = await self._call(
            provider, "authenticate", authenticate
        )
        return result

    async def _open_session_of(
        self,
        provider: AuthProvider,
        authenticated: Account | ExternalIdentity,
        scope: Mapping[str, Any],
    ) -> SignInResult:
        if isinstance(authenticated, Account):
            return await self.open_session(provider, authenticated, scope)
        rules = await self._call(
            provider, "provisioning_rules", lambda: provider.provisioning_rules
        )
        account = await self._provisioner.provision(provider.name, authenticated, rules)
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
        sign_out = partial(provider.sign_out, session.session_id)
        try:
            url: str | None = await self._call(provider, "sign_out", sign_out)
        except Exception as error:  # noqa: BLE001 - of a plugin; the session ends in any case
            log.warning(
                "sign-out at the provider failed",
                provider=provider.name,
                error=type(error.__cause__ or error).__name__,
            )
            return None
        return url
