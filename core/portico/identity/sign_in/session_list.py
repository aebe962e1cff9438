"""Somebody's sign-ins as a list: when, by which way, from where; and ending them one by one or all at once."""

from typing import Final

import msgspec

from portico.audit import record_change
from portico.db import fetch_all, now, transaction
from portico.errors import NotFound
from portico.identity.accounts.accounts import KIND, Accounts
from portico.identity.accounts.last_seen import LastSeenTracker
from portico.identity.sessions.sessions import Sessions

#: Sign-ins on one page.
PAGE_SIZE: Final = 30
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
MAX_PAGE: Final = 2**32

_ACTIVE = "FROM portico_session WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)"
_COUNT = f"SELECT COUNT(*) AS n {_ACTIVE}"
_PAGE = (
    "SELECT id, method, address, user_agent, created_at, last_seen_at, expires_at "  # noqa: S608
    f"{_ACTIVE} ORDER BY created_at DESC, id DESC LIMIT {PAGE_SIZE} OFFSET $3"
)


class SessionInfo(msgspec.Struct, kw_only=True):
    """One sign-in. Units: epoch seconds; `expires_at` None = never. `method`: the way they came in by.

    `last_seen_at` is right to the minute. `current`: it is the one this is asked with.
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
    """The sign-ins that are in force, as people and administrators see them.

    `by`: the account of whoever asks for a change; None = somebody at the server's own keyboard.
    """

    def __init__(self, sessions: Sessions, accounts: Accounts, presence: LastSeenTracker) -> None:
        self._sessions = sessions
        self._accounts = accounts
        self._presence = presence

    async def page(
        self, account_id: str, page: int = 1, current: str = ""
    ) -> tuple[list[SessionInfo], int]:
        """One page, newest first, and how many there are in all. `current`: the sign-in that asks.

        Raises: NotFound if there is no such account.
        """
        await self._accounts.by_id(account_id)
        skip = (min(max(page, 1), MAX_PAGE) - 1) * PAGE_SIZE
        found = await fetch_all(_PAGE, account_id, now(), skip)
        total = (await fetch_all(_COUNT, account_id, now()))[0]["n"]
        return [self._info(one, current) for one in found], total

    async def end(self, account_id: str, session_id: str, by: str | None = None) -> None:
        """End one sign-in of an account.

        Raises: NotFound if it has no such one; Forbidden if `by` may not touch the account.
        """
        async with transaction():
            await self._accounts.check_may_change(account_id, by)
            if "\x00" in session_id or not await self._sessions.close_for_account(
                account_id, session_id
            ):
                raise NotFound
            await record_change("sign_in.ended", KIND, account_id, old={"id": session_id})

    async def end_all(
        self, account_id: str, by: str | None = None, keep: str | None = None
    ) -> None:
        """End all sign-ins of an account, but for `keep`. Raises: as `end`."""
        async with transaction():
            await self._accounts.check_may_change(account_id, by)
            await self._sessions.close_all(account_id, keep)
            await record_change(
                "sign_in.all_ended", KIND, account_id, new={"kept": keep} if keep else None
            )

    def _info(self, one: dict[str, object], current: str) -> SessionInfo:
        shown = SessionInfo(**one, current=one["id"] == current)  # type: ignore[arg-type]
        # Those of before it was noted, and the others as they are known here.
        shown.last_seen_at = self._presence.last_active(
            shown.id, max(shown.last_seen_at or 0, shown.created_at)
        )
        return shown
