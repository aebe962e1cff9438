"""The sessions of an account as a list, and ending one or all of them."""

from typing import Final

import msgspec

from portico.audit import record_change
from portico.db import fetch_all, now, page_offset, transaction
from portico.errors import NotFound
from portico.identity.accounts.accounts import KIND, Accounts
from portico.identity.accounts.last_seen import LastSeenTracker
from portico.identity.sessions.sessions import Sessions

PAGE_SIZE: Final = 30

_ACTIVE = "FROM portico_session WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)"
_COUNT = f"SELECT COUNT(*) AS n {_ACTIVE}"
_PAGE = (
    "SELECT id, method, address, user_agent, created_at, last_seen_at, expires_at "  # noqa: S608
    f"{_ACTIVE} ORDER BY created_at DESC, id DESC LIMIT {PAGE_SIZE} OFFSET $3"
)


class SessionInfo(msgspec.Struct, kw_only=True):
    """A session in a list. Units: epoch seconds; `expires_at` None = never. `method`: name of the provider.

    `last_seen_at` is accurate to the minute. `current`: the session of this request.
    """

    id: str
    method: str
    address: str | None
    user_agent: str | None
    created_at: int
    last_seen_at: int
    expires_at: int | None
    current: bool = False


class SessionList:
    """Active sessions, as users and administrators see them.

    `by`: the account that requests a change; None = the command line.
    """

    def __init__(self, sessions: Sessions, accounts: Accounts, presence: LastSeenTracker) -> None:
        self._sessions = sessions
        self._accounts = accounts
        self._presence = presence

    async def page(
        self, account_id: str, page: int = 1, current: str = ""
    ) -> tuple[list[SessionInfo], int]:
        """Return one page, newest first, and the total number. `current`: id of the session of this request.

        Raises: NotFound if there is no such account.
        """
        await self._accounts.by_id(account_id)
        skip = page_offset(page, PAGE_SIZE)
        rows = await fetch_all(_PAGE, account_id, now(), skip)
        total = (await fetch_all(_COUNT, account_id, now()))[0]["n"]
        return [self._info(row, current) for row in rows], total

    async def end(self, account_id: str, session_id: str, by: str | None = None) -> None:
        """End a session of an account.

        Raises: NotFound if the account has no such session; Forbidden if `by` may not change the account.
        """
        async with transaction():
            await self._accounts.check_may_change(account_id, by)
            if "\x00" in session_id or not await self._sessions.close_for_account(
                account_id, session_id
            ):
                raise NotFound
            await record_change("session.ended", KIND, account_id, old={"id": session_id})

    async def end_all(
        self, account_id: str, by: str | None = None, keep: str | None = None
    ) -> None:
        """End all sessions of an account, except `keep`. Raises: as `end`."""
        async with transaction():
            await self._accounts.check_may_change(account_id, by)
            await self._sessions.close_all(account_id, keep)
            await record_change(
                "session.all_ended", KIND, account_id, new={"kept": keep} if keep else None
            )

    def _info(self, row: dict[str, object], current: str) -> SessionInfo:
        info = SessionInfo(**row, current=row["id"] == current)  # type: ignore[arg-type]
        # Old rows have no last-seen time, and recent times may be in memory only.
        info.last_seen_at = self._presence.last_active(
            info.id, max(info.last_seen_at or 0, info.created_at)
        )
        return info
