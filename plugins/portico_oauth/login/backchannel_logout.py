"""A provider says that somebody has signed out there. Source: OpenID Connect Back-Channel Logout 1.0."""

import msgspec
import structlog

from portico.api import AppContext, Unavailable, now, transaction
from portico_oauth.errors import LoginRejected, ProviderUnavailable
from portico_oauth.login.pending_logins import UsedTokens
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.protocol.jwt_verification import LEEWAY, SignedClaims, read_signed

log = structlog.get_logger("portico.oauth")

EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Kinds of token; those of before the standard have none of their own.
TYPES = ("logout+jwt", "application/logout+jwt", "jwt", "")
#: Seconds after which a token that does not say is too old.
LOGOUT_TOKEN_MAX_AGE_SECONDS = 600
#: Characters of a token's id.
LONGEST_JTI = 1024


class BackChannel:
    """Ends sign-ins because their provider says so."""

    def __init__(self, app: AppContext, spent: UsedTokens) -> None:
        self._identity, self._limiter, self._spent = app.identity, app.limiter, spent

    async def sign_out(self, provider: OAuthProvider, logout_token: str, address: str) -> int:
        """End the sign-ins that a logout token is about. Returns how many there were. `address`: who sends it.

        Raises: Refused for a token that its provider did not sign, or not for this, or that was used before; Away;
        RateLimited.
        """
        attempt = await self._limiter.acquire("oauth", address, None)
        try:
            ended = await self._judge(provider, logout_token)
        except (ProviderUnavailable, Unavailable):
            await attempt.withdraw()
            raise
        await attempt.succeeded()
        return ended

    async def _judge(self, provider: OAuthProvider, logout_token: str) -> int:
        if provider.discovery is None:
            raise LoginRejected("this provider signs nothing")
        signed = await read_signed(logout_token, provider.registration, provider.discovery)
        _check_kind(signed.header.get("typ", ""), signed.claims)
        claims = signed.claims
        until = int(claims.exp or (claims.iat or 0) + LOGOUT_TOKEN_MAX_AGE_SECONDS) + LEEWAY
        async with transaction():
            # Together: a token that ended nothing because the database went away may come again.
            if not await self._spent.use(f"logout:{provider.name}", claims.jti or "", until):
                raise LoginRejected("the logout token was used before")
            ended = await self._end(provider.name, claims)
        log.info("signed out by a provider", provider=provider.name, sessions=len(ended))
        return len(ended)

    async def _end(self, provider: str, claims: SignedClaims) -> list[str]:
        sessions = self._identity.sessions
        if claims.sid:
            fits = "\x00" not in claims.sid
            return await sessions.close_by_provider_session(provider, claims.sid) if fits else []
        account_id = await self._identity.links.account_id(provider, claims.sub or "")
        return await sessions.close_by_method(account_id, provider) if account_id else []


def _check_kind(kind: str, claims: SignedClaims) -> None:
    """Whether this says that somebody signed out; an id token does not, although the same keys sign it."""
    if kind.lower() not in TYPES:
        raise LoginRejected("the token is not a logout token by its type")
    event = claims.events.get(EVENT) if isinstance(claims.events, dict) else None
    if not isinstance(event, dict):
        raise LoginRejected("the token does not say that somebody signed out")
    if claims.nonce is not msgspec.UNSET:
        raise LoginRejected("the token has a nonce, as id tokens have")
    if not claims.sid and not claims.sub:
        raise LoginRejected("the token does not say who signed out")
    if not claims.jti or len(claims.jti) > LONGEST_JTI:
        raise LoginRejected("the token has no id, or too long a one")
    if claims.iat is None or claims.iat < now() - LOGOUT_TOKEN_MAX_AGE_SECONDS - LEEWAY:
        raise LoginRejected("the token is too old")
