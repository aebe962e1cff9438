"""Access tokens for plugins that call a provider's API on behalf of a user, refreshed before they expire.

Many providers treat a refresh token that is used twice as stolen. So of all processes with one database, the one that has
the claim in the row sends it. The others wait for its result. No connection to the database is held meanwhile.
"""

import asyncio
from collections.abc import Mapping

import structlog

from portico.api import AppContext, DomainError
from portico.api.auth import ProviderSession
from portico.api.db import now
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.login.refresh_claims import RefreshClaims
from portico_oauth.login.token_store import StoredToken, TokenStore
from portico_oauth.protocol.errors import ClientRejected, ProviderUnavailable

log = structlog.get_logger("portico.oauth")

#: Of a returned token; one with less is refreshed.
MIN_REMAINING_SECONDS = 300
#: For storing the result before the claim expires.
STORE_SECONDS = 20


class TokenRefresher:
    """Implements `ProviderTokens`. `timeout`: seconds for one response of a provider."""

    def __init__(
        self, app: AppContext, providers: Mapping[str, OAuthProvider], timeout: float
    ) -> None:
        self._providers, self._tokens = providers, TokenStore(app.encryptor)
        # The discovery document, and the token.
        self._max_seconds = 2 * timeout
        self._claims = RefreshClaims(self._max_seconds + STORE_SECONDS)
        self._running: dict[str, asyncio.Task[StoredToken | None]] = {}

    async def access_token(self, session_id: str) -> str | None:
        """Return the access token of a session, valid for at least five minutes; None if there is none."""
        stored = await self._tokens.find(session_id)
        if stored is not None and not _is_fresh(stored):
            stored = await self._refresh_shared(stored)
        return stored.token.get("access_token") if stored else None

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """Return the sessions of one account that came from a provider, newest first."""
        return await self._tokens.of_account(account_id)

    async def close(self) -> None:
        """Wait for the refreshes that are running: a new refresh token that is not stored would be lost."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _refresh_shared(self, old: StoredToken) -> StoredToken | None:
        """Share one refresh among the requests of this process. It continues if all of them are cancelled."""
        task = self._running.get(old.id)
        if task is None:
            task = asyncio.create_task(self._refresh_or_wait(old), name="oauth token refresh")
            self._running[old.id] = task
            task.add_done_callback(lambda _: self._running.pop(old.id))
        return await asyncio.shield(task)

    async def _refresh_or_wait(self, old: StoredToken) -> StoredToken | None:
        if not self._can_refresh(old) and _is_valid(old):
            return old
        while True:
            # Counted from before the claim is taken, so this process stops before another one may start.
            deadline = asyncio.get_running_loop().time() + self._max_seconds
            claim = await self._claims.take(old)
            if claim is not None:
                return await self._refresh(old, claim, deadline)
            if not await self._claims.wait(old):
                stored = await self._tokens.find(old.id)
                failed = stored is not None and stored.encrypted == old.encrypted
                return _if_valid(old) if failed else stored

    async def _refresh(self, old: StoredToken, claim: str, deadline: float) -> StoredToken | None:
        provider, refresh_token = self._providers.get(old.provider), old.token.get("refresh_token")
        if provider is None or not refresh_token:
            await self._claims.delete_token(old, claim)
            return None
        try:
            async with asyncio.timeout_at(deadline):
                response = await provider.refresh(refresh_token)
        except (ProviderUnavailable, ClientRejected, TimeoutError) as error:
            why = getattr(error, "why", "the provider does not answer in time")
            log.warning("token refresh failed", provider=old.provider, why=why)
            await self._claims.release(old, claim)
            return _if_valid(old)
        except DomainError as error:
            log.info("token refresh rejected", provider=old.provider, why=getattr(error, "why", ""))
            if await self._claims.delete_token(old, claim):
                return None
            # Another process has used the refresh token: one of the previous release, which takes no claim.
            return await self._refresh_or_wait(old)
        except Exception:
            await self._claims.release(old, claim)
            raise
        else:
            await self._tokens.replace(old, response)
        # The session may have ended meanwhile: return what is stored now.
        return await self._tokens.find(old.id)

    def _can_refresh(self, stored: StoredToken) -> bool:
        return stored.provider in self._providers and bool(stored.token.get("refresh_token"))


def _is_fresh(stored: StoredToken) -> bool:
    return stored.expires_at is None or stored.expires_at - now() >= MIN_REMAINING_SECONDS


def _is_valid(stored: StoredToken) -> bool:
    return stored.expires_at is None or stored.expires_at > now()


def _if_valid(stored: StoredToken) -> StoredToken | None:
    return stored if _is_valid(stored) else None
