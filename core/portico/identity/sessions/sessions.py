"""Sessions: one row each. A token without its row is not valid."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from portico.cache import TTLCache
from portico.db import after_commit, execute, fetch_all, new_id, now, transaction
from portico.errors import INVALID_CRED, InvalidRequest, Unauthenticated
from portico.events import EventBus
from portico.identity.accounts.account import Account
from portico.identity.sessions.actor import Actor
from portico.identity.sessions.events import SessionRevoked
from portico.identity.sessions.session_origin import SessionOrigin
from portico.identity.sessions.tokens import Claims, TokenSigner

# Runs on every request: two look-ups by primary key. The columns are named as the fields of `Actor`.
_RESOLVE = (
    "SELECT a.id, a.email, a.name, a.role, a.profile_image_url, s.id AS session_id "
    "FROM portico_session s JOIN portico_account a ON a.id = s.account_id "
    "WHERE s.id = $1 AND a.id = $2 AND a.epoch = s.epoch"
)
# The account may have been deleted, or its password changed, since the caller read it.
_OPEN = (
    "INSERT INTO portico_session (id, account_id, created_at, expires_at, "
    "method, address, user_agent, provider_session, last_seen_at, epoch) "
    "SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS TEXT), "
    "CAST($8 AS TEXT), CAST($9 AS TEXT), CAST($2 AS BIGINT), a.epoch FROM portico_account a "
    "WHERE a.id = $4 AND a.epoch = $5 RETURNING id"
)
_CLOSE = "DELETE FROM portico_session WHERE id = $1 RETURNING id, account_id, expires_at"
_CLOSE_FOR_ACCOUNT = "DELETE FROM portico_session WHERE account_id = $1 AND id = $2 RETURNING id, account_id, expires_at"
_CLOSE_BY_PROVIDER_SESSION = "DELETE FROM portico_session WHERE method = $1 AND provider_session = $2 RETURNING id, account_id, expires_at"
_CLOSE_BY_METHOD = "DELETE FROM portico_session WHERE account_id = $1 AND method = $2 RETURNING id, account_id, expires_at"
_CLOSE_OTHERS = "DELETE FROM portico_session WHERE account_id = $1 AND id <> $2"
_CLOSE_ALL = "DELETE FROM portico_session WHERE account_id = $1"
_SET_EPOCH = "UPDATE portico_session SET epoch = (SELECT a.epoch FROM portico_account a WHERE a.id = $1) WHERE id = $2"
_NEXT_EPOCH = "UPDATE portico_account SET epoch = epoch + 1 WHERE id = $1"


class SessionToken(msgspec.Struct, frozen=True):
    """A token and its session. Units: `expires_at` in epoch seconds; None = never."""

    token: str
    session_id: str
    expires_at: int | None


class StaleAccount(InvalidRequest):
    """The account was deleted, or all its sessions were ended, since it was read."""

    default = INVALID_CRED


class SessionMethod(NamedTuple):
    """A session, and the name of the provider that opened it."""

    session_id: str
    method: str


class Sessions:
    """Opens, resolves and closes sessions. `refresh_lifetime`: updates the token lifetime of the signer."""

    def __init__(
        self,
        signer: TokenSigner,
        bus: EventBus,
        cache_seconds: float = 0,
        refresh_lifetime: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._signer = signer
        self._refresh_lifetime = refresh_lifetime
        self._bus = bus
        self.cache: TTLCache[Claims, Actor] = TTLCache(cache_seconds)

    async def open(self, account: Account, origin: SessionOrigin | None = None) -> SessionToken:
        """Open a session for an account that was just authenticated.

        Raises: StaleAccount.
        """
        if self._refresh_lifetime is not None:
            await self._refresh_lifetime()
        session_id = new_id()
        token, expires_at = self._signer.sign(account.id, session_id, account.epoch)
        origin = origin or SessionOrigin()
        if not await fetch_all(
            _OPEN,
            session_id,
            now(),
            expires_at,
            account.id,
            account.epoch,
            origin.method,
            origin.address,
            origin.user_agent,
            origin.provider_session,
        ):
            raise StaleAccount
        return SessionToken(token, session_id, expires_at)

    async def resolve(self, token: str) -> Actor | None:
        """Return the actor of a token; None if it is not valid. The result is cached for `cache_seconds`."""
        if self._refresh_lifetime is not None:
            await self._refresh_lifetime()
        try:
            claims = self._signer.verify(token)
        except Unauthenticated:
            return None
        actor = await self.cache.get_or_load(claims, self._find)
        if actor is None:
            self._signer.forget(token)
        return actor

    async def _find(self, claims: Claims) -> Actor | None:
        rows = await fetch_all(_RESOLVE, claims.jti, claims.id)
        return Actor(**rows[0]) if rows else None

    def clear(self) -> None:
        """Drop all cached actors."""
        self.cache.clear()

    def expiry(self, token: str) -> int | None:
        """Return when a token expires, in epoch seconds; None = never. Raises: Unauthenticated."""
        return self._signer.verify(token).exp

    async def end(self, token: str) -> str | None:
        """Close the session of a token. Returns its id; None if the token is not valid."""
        try:
            claims = self._signer.verify(token)
        except Unauthenticated:
            return None
        self._signer.forget(token)
        await self.close(claims.jti)
        return claims.jti

    async def method_of(self, token: str) -> SessionMethod | None:
        """Return the session of a token and its provider; None if the token is not valid."""
        try:
            claims = self._signer.verify(token)
        except Unauthenticated:
            return None
        rows = await fetch_all("SELECT method FROM portico_session WHERE id = $1", claims.jti)
        return SessionMethod(claims.jti, rows[0]["method"]) if rows else None

    async def close_by_provider_session(self, method: str, provider_session: str) -> list[str]:
        """Close the sessions that belong to one session at a provider. Returns their ids."""
        return await self._close_where(_CLOSE_BY_PROVIDER_SESSION, method, provider_session)

    async def close_by_method(self, account_id: str, method: str) -> list[str]:
        """Close the sessions of an account that one provider opened. Returns their ids."""
        return await self._close_where(_CLOSE_BY_METHOD, account_id, method)

    async def _close_where(self, statement: str, *args: str) -> list[str]:
        async with transaction():
            closed = await fetch_all(statement, *args)
            for row in closed:
                self._publish(SessionRevoked(row["account_id"], row["id"], row["expires_at"]))
        return [str(row["id"]) for row in closed]

    async def close(self, session_id: str) -> None:
        """Close a session, if it exists."""
        await self._close_where(_CLOSE, session_id)

    async def close_for_account(self, account_id: str, session_id: str) -> bool:
        """Close a session if it belongs to this account. Returns whether it did."""
        return bool(await self._close_where(_CLOSE_FOR_ACCOUNT, account_id, session_id))

    async def close_all(self, account_id: str, keep: str | None = None) -> None:
        """Close all sessions of an account, except `keep`.

        The epoch of the account is incremented, so a session that is being opened concurrently with the old epoch is
        not valid.
        """
        async with transaction():
            await execute(_NEXT_EPOCH, account_id)
            if keep is None:
                await execute(_CLOSE_ALL, account_id)
            else:
                await execute(_CLOSE_OTHERS, account_id, keep)
                await execute(_SET_EPOCH, account_id, keep)
            self._publish(SessionRevoked(account_id))

    def _publish(self, event: SessionRevoked) -> None:
        after_commit(lambda: self._bus.publish(event))
