"""The doors of a house: who sends a request, how somebody gets in, and how they leave."""

from collections.abc import Collection, Mapping
from typing import Any

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
from portico.identity.actor import Actor
from portico.identity.providers import (
    AuthProvider,
    ExternalIdentity,
    ProviderKind,
    ProviderSignOut,
    RequestVerifier,
    SharedSignInProvider,
    ToggleableProvider,
    TokenAuthenticator,
    session_origin,
)
from portico.identity.sessions.credentials import credential_from
from portico.identity.sessions.sessions import Sessions
from portico.identity.sign_in.provisioning import AccountProvisioner
from portico.identity.sign_in.session_response import SessionResponder, SignInResult
from portico.rate_limits import RateLimiter

log = structlog.get_logger("portico.identity")

#: Which ways are asked first at the door they share.
SHARED_SIGN_IN_ORDER: tuple[ProviderKind, ...] = ("none", "header", "form", "redirect")


class Authenticator:
    """Every way in and out. `presence` and `visits` note who was seen, and by which sign-in."""

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
        """People come in by these ways too, and carry these tokens too."""
        self.providers.update((way.name, way) for way in providers)
        self._verifiers += [way for way in providers if isinstance(way, RequestVerifier)]
        self.token_authenticators += token_authenticators

    def remove_providers(
        self,
        providers: Collection[AuthProvider] = (),
        token_authenticators: Collection[TokenAuthenticator] = (),
    ) -> None:
        """Not any more."""
        for way in providers:
            self.providers.pop(way.name, None)
        self._verifiers = [
            way for way in self.providers.values() if isinstance(way, RequestVerifier)
        ]
        self.token_authenticators[:] = [
            one for one in self.token_authenticators if one not in token_authenticators
        ]

    async def active_providers(self) -> list[AuthProvider]:
        """The ways by which people come in now, sorted by name."""
        ways = [self.providers[name] for name in sorted(self.providers)]
        return [
            way for way in ways if not isinstance(way, ToggleableProvider) or await way.is_enabled()
        ]

    @property
    def uses_passwords(self) -> bool:
        """Whether people have passwords of their own. Not where whoever comes is named by a header, or let in anyway."""
        return not any(way.kind in ("none", "header") for way in self.providers.values())

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Who sent this ASGI request.

        Raises: Unauthenticated, saying whether there was no credential or a bad one; Forbidden for one that may not
        be used, or not like this; RateLimited for one of many that are nobody's.
        """
        credential = credential_from(scope)
        if credential is None:
            raise Unauthenticated
        reader = next(
            (r for r in self.token_authenticators if credential.token.startswith(r.prefix)), None
        )
        if reader is None:
            actor = await self._sessions.resolve(credential.token)
        elif credential.by_cookie:
            # A browser sends cookies without being asked: only what a sign-in put there is good there.
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)
        else:
            actor = await self._authenticate_token(reader, credential.token, scope)
        if actor is None:
            raise Unauthenticated(INVALID_TOKEN)
        if self._verifiers and not all(one.accepts(scope, actor) for one in self._verifiers):
            raise Unauthenticated(USER_MISMATCH)
        self._presence.touch(actor.id)
        if reader is None:
            self._session_presence.touch(actor.session_id)
        return actor

    async def sign_in(self, body: bytes, scope: Mapping[str, Any]) -> SignInResult:
        """Sign in whoever is at the door that ways share: the first of them that takes the request decides.

        Raises: as `enter`; Misshapen; Forbidden if none of them takes it.
        """
        ways = sorted(
            self.providers.values(),
            key=lambda one: (SHARED_SIGN_IN_ORDER.index(one.kind), one.name),
        )
        for way in ways:
            attempt = (
                way.read_sign_in(body, scope) if isinstance(way, SharedSignInProvider) else None
            )
            if attempt is not None:
                return await self.sign_in_with(way, attempt, scope)
        raise Forbidden(ACTION_PROHIBITED)

    async def _authenticate_token(
        self, authenticator: TokenAuthenticator, token: str, scope: Mapping[str, Any]
    ) -> Actor | None:
        """Who stands behind a token that is no session's. One that is nobody's counts as a try to get in.

        Those that are good are not counted, so nobody is kept out by whoever guesses from the same address.
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
        """Who is signed in, where nobody has to be: a credential that is not good is as good as none, and so is a key."""
        credential = credential_from(scope)
        if credential is None:
            return None
        actor = await self._sessions.resolve(credential.token)
        if actor is None or not all(one.accepts(scope, actor) for one in self._verifiers):
            return None
        return actor

    async def sign_in_with(
        self, provider: AuthProvider, attempt: Any, scope: Mapping[str, Any]
    ) -> SignInResult:
        """Sign somebody in: the one door behind every way.

        `attempt`: what the way's own `authenticate` takes; `scope`: the ASGI request. Raises: what that raises;
        Invalid and Forbidden as `Admission.admit`.
        """
        found = await provider.authenticate(attempt)
        if isinstance(found, ExternalIdentity):
            account = await self._provisioner.provision(
                provider.name, found, provider.provisioning_rules
            )
            return await self.open_session(provider, account, scope, found.provider_session_id)
        return await self.open_session(provider, found, scope)

    async def open_session(
        self,
        provider: AuthProvider,
        account: Account,
        scope: Mapping[str, Any],
        provider_session: str | None = None,
    ) -> SignInResult:
        """Open a session for somebody who is known already, such as whoever just signed up."""
        came = session_origin(scope, provider.name, provider_session)
        return await self._responder.sign_in(account, came)

    async def sign_out(self, token: str) -> str | None:
        """Sign out whoever has this token. Returns where the browser should go next; None = nowhere.

        A way that cannot end what it began elsewhere does not keep anybody signed in here.
        """
        try:
            return await self._sign_out_at_provider(token)
        finally:
            await self._sessions.end(token)

    async def _sign_out_at_provider(self, token: str) -> str | None:
        """Asked before the session ends: what the way keeps of it goes with it."""
        arrived = await self._sessions.method_of(token)
        way = self.providers.get(arrived.method) if arrived else None
        if arrived is None or not isinstance(way, ProviderSignOut):
            return None
        try:
            return await way.sign_out(arrived.session_id)
        except Exception as error:  # noqa: BLE001 - a plugin's; the session ends whatever it does
            log.warning("a sign-out elsewhere failed", way=way.name, error=type(error).__name__)
            return None
