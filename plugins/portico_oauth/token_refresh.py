"""Access tokens for whoever speaks to a provider in somebody's name, renewed in time."""

import asyncio

import structlog

from portico.api import AppContext, DomainError, ProviderSession, now
from portico_oauth.errors import ProviderUnavailable
from portico_oauth.login.flow import provider_of
from portico_oauth.token_store import Token, TokenStore

log = structlog.get_logger("portico.oauth")

#: Seconds that a token has to be good for, at least.
MIN_REMAINING_SECONDS = 300


class TokenRefresher:
    """The `ProviderTokens` of one house."""

    def __init__(self, app: AppContext) -> None:
        self._app, self._kept = app, TokenStore(app.encryptor)
        self._turns: dict[str, asyncio.Lock] = {}

    async def access_token(self, session_id: str) -> str | None:
        """The access token of a sign-in, good for five minutes at least; None = there is none."""
        found = await self._kept.find(session_id)
        if found is not None and not _lasts(found):
            found = await self._in_turn(session_id)
        return found.token.get("access_token") if found else None

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """The sign-ins of one account, newest first."""
        return await self._kept.of_account(account_id)

    async def _in_turn(self, session_id: str) -> Token | None:
        """Renewed by one at a time: many providers take the same refresh token twice for a theft."""
        turn = self._turns.setdefault(session_id, asyncio.Lock())
        try:
            async with turn:
                found = await self._kept.find(session_id)
                return found if found is None or _lasts(found) else await self._renewed(found)
        finally:
            if not turn.locked():
                self._turns.pop(session_id, None)

    async def _renewed(self, old: Token) -> Token | None:
        provider, refresh = provider_of(self._app, old.provider), old.token.get("refresh_token")
        if provider is None or not refresh:
            if old.expires_at is not None and old.expires_at > now():
                return old
            await self._kept.forget(old)
            return None
        try:
            await self._kept.renew(old, await provider.renew(refresh))
        except ProviderUnavailable as error:
            log.warning("a token was not renewed", provider=old.provider, why=error.why)
            return old if old.expires_at is not None and old.expires_at > now() else None
        except DomainError as error:
            log.info("a token is not renewed", provider=old.provider, why=getattr(error, "why", ""))
            await self._kept.forget(old)
        # Somebody on another instance may have been quicker: what counts is what stands there now.
        return await self._kept.find(old.id)


def _lasts(found: Token) -> bool:
    return found.expires_at is None or found.expires_at - now() >= MIN_REMAINING_SECONDS
