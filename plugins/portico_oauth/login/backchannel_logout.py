"""Sign-out that a provider starts. Source: OpenID Connect Back-Channel Logout 1.0."""

import msgspec
import structlog

from portico.api import AppContext, Unavailable
from portico.api.db import now, transaction
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.login.used_tokens import UsedTokens
from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable
from portico_oauth.protocol.jwt_verification import LEEWAY_SECONDS, SignedClaims, verify_token

log = structlog.get_logger("portico.oauth")

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Header `typ`; logout tokens older than the standard have no type of their own.
TOKEN_TYPES = ("logout+jwt", "application/logout+jwt", "jwt", "")
#: Of a token without an expiry.
LOGOUT_TOKEN_MAX_AGE_SECONDS = 600
MAX_JTI_CHARS = 1024


class BackchannelLogout:
    """Ends sessions when their provider sends a logout token."""

    def __init__(self, app: AppContext, used_tokens: UsedTokens) -> None:
        self._identity, self._limiter, self._used_tokens = app.identity, app.limiter, used_tokens

    async def sign_out(self, provider: OAuthProvider, logout_token: str, address: str) -> int:
        """End the sessions that a logout token names, and return their number. `address`: of the sender.

        Raises: LoginRejected for a token that is not valid or was used before; ProviderUnavailable; RateLimited.
        """
        attempt = await self._limiter.acquire("oauth", address, None)
        try:
            ended = await self._end_sessions(provider, logout_token)
        except (ProviderUnavailable, Unavailable):
            await attempt.withdraw()
            raise
        await attempt.succeeded()
        return ended

    async def _end_sessions(self, provider: OAuthProvider, logout_token: str) -> int:
        if provider.discovery is None:
            raise LoginRejected("this provider does not sign tokens")
        token = await verify_token(logout_token, provider.registration, provider.discovery)
        _check_claims(token.header.get("typ", ""), token.claims)
        claims = token.claims
        until = int(claims.exp or (claims.iat or 0) + LOGOUT_TOKEN_MAX_AGE_SECONDS) + LEEWAY_SECONDS
        async with transaction():
            # In one transaction: if the database fails, the token is not used up.
            if not await self._used_tokens.use(f"logout:{provider.name}", claims.jti, until):
                raise LoginRejected("the logout token was used before")
            ended = await self._end(provider.name, claims)
        log.info("sessions ended by provider", provider=provider.name, sessions=len(ended))
        return len(ended)

    async def _end(self, provider: str, claims: SignedClaims) -> list[str]:
        sessions = self._identity.sessions
        if isinstance(claims.sid, str) and claims.sid:
            is_valid = "\x00" not in claims.sid
            return (
                await sessions.close_by_provider_session(provider, claims.sid) if is_valid else []
            )
        account_id = await self._identity.links.account_id(provider, claims.sub or "")
        return await sessions.close_by_method(account_id, provider) if account_id else []


def _check_claims(token_type: str, claims: SignedClaims) -> None:
    """Refuse tokens that are not logout tokens, such as id tokens, which the same keys sign."""
    if token_type.lower() not in TOKEN_TYPES:
        raise LoginRejected("the type of the token is not that of a logout token")
    event = claims.events.get(LOGOUT_EVENT) if isinstance(claims.events, dict) else None
    if not isinstance(event, dict):
        raise LoginRejected("the token does not contain the logout event")
    if claims.nonce is not msgspec.UNSET:
        raise LoginRejected("the token has a nonce, which only id tokens have")
    if not (isinstance(claims.sid, str) and claims.sid) and not claims.sub:
        raise LoginRejected("the token names neither a session nor a subject")
    if not isinstance(claims.jti, str) or not 0 < len(claims.jti) <= MAX_JTI_CHARS:
        raise LoginRejected("the token has no id, or its id is too long")
    if claims.iat is None or claims.iat < now() - LOGOUT_TOKEN_MAX_AGE_SECONDS - LEEWAY_SECONDS:
        raise LoginRejected("the token is too old")
