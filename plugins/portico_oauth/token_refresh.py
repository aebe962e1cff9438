"""Access tokens for plugins that call a provider's API on behalf of a user, refreshed before they expire."""

import asyncio
from collections.abc import Mapping

import structlog

from portico.api import AppContext, DomainError
from portico.api.auth import ProviderSession
from portico.api.db import now
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.login.token_store import StoredToken, TokenStore
from portico_oauth.protocol.errors import ProviderUnavailable

log = structlog.get_logger("portico.oauth")

#: Of a returned token; one with less is refreshed.
MIN_REMAINING_SECONDS = 300


class TokenRefresher:
    """Implements `ProviderTokens`."""

    def __init__(self, app: AppContext, providers: Mapping[str, OAuthProvider]) -> None:
        self._providers, self._tokens = providers, TokenStore(app.encryptor)
        self._locks: dict[str, asyncio.Lock] = {}

    async def access_token(self, session_id: str) -> str | None:
        """Return the access token of a session, valid for at least five minutes; None if there is none."""
        stored = await self._tokens.find(session_id)
        if stored is not None and not _is_fresh(stored):
            stored = await self._refresh_once(session_id)
        return stored.token.get("access_token") if stored else None

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """Return the sessions of one account that came from a provider, newest first."""
        return await self._tokens.of_account(account_id)

    async def _refresh_once(self, session_id: str) -> StoredToken | None:
        """Refresh one at a time: many providers treat a refresh token that is used twice as stolen."""
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        try:
            async with lock:
                stored = await self._tokens.find(session_id)
                return (
                    stored if stored is None or _is_fresh(stored) else await self._refresh(stored)
                )
        finally:
            if not lock.locked():
                self._locks.pop(session_id, None)

    async def _refresh(self, old: StoredToken) -> StoredToken | None:
        provider, refresh_token = self._providers.get(old.provider), old.token.get("refresh_token")
        if provider is None or not refresh_token:
            if old.expires_at is not None and old.expires_at > now():
                return old
            await self._tokens.delete(old)
            return None
        try:
            await self._tokens.replace(old, await provider.refresh(refresh_token))
        except ProviderUnavailable as error:
            log.warning("token refresh failed", provider=old.provider, why=error.why)
            return old if old.expires_at is not None and old.expires_at > now() else None
        except DomainError as error:
            log.info("token refresh rejected", provider=old.provider, why=getattr(error, "why", ""))
            await self._tokens.delete(old)
        # Another instance may have been faster: return what is stored now.
        return await self._tokens.find(old.id)


def _is_fresh(stored: StoredToken) -> bool:
    return stored.expires_at is None or stored.expires_at - now() >= MIN_REMAINING_SECONDS
