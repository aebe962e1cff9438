"""User data of an account: `settings`, `info` and the status line.

`settings` and `info` are JSON objects of the client. They are stored as the text that was sent and are decoded at their
top level only.
"""

from typing import Literal, TypeAlias

import msgspec

from portico import raw_object
from portico.db import after_commit, execute, fetch_all, fetch_one, now, transaction
from portico.errors import NotFound, TooLarge
from portico.events import EventBus
from portico.identity.accounts.events import AccountChanged
from portico.raw_object import RawFields

UserDataField: TypeAlias = Literal["settings", "info"]

#: Limit of each field as JSON.
MAX_USER_DATA_BYTES = 1024 * 1024

_READ = "SELECT {} AS text FROM portico_account WHERE id = $1"
# An update that changes nothing locks the row, so a concurrent update waits and sees the result.
_LOCK = "UPDATE portico_account SET updated_at = updated_at WHERE id = $1 RETURNING {} AS text"
_UPDATE = "UPDATE portico_account SET {} = $2 WHERE id = $1"
_SET_STATUS = (
    "UPDATE portico_account SET status_emoji = COALESCE(CAST($2 AS TEXT), status_emoji), "
    "status_message = COALESCE(CAST($3 AS TEXT), status_message), "
    "status_expires_at = COALESCE(CAST($4 AS BIGINT), status_expires_at), updated_at = $5 WHERE id = $1"
)


class UserData:
    """Stores user data. Raises NotFound if there is no such account."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def read(self, account_id: str, field: UserDataField) -> msgspec.Raw:
        """Return the field as JSON text; `null` if nothing was stored."""
        row = await fetch_one(_READ.format(field), account_id)
        if row is None:
            raise NotFound
        return msgspec.Raw((row["text"] or "null").encode())

    async def update(
        self, account_id: str, field: UserDataField, changes: RawFields
    ) -> msgspec.Raw:
        """Replace some top-level keys and keep the others; safe for concurrent updates.

        Returns the whole field. Raises: TooLarge if it would be over 1 MiB; then nothing is stored.
        """
        async with transaction():
            rows = await fetch_all(_LOCK.format(field), account_id)
            if not rows:
                raise NotFound
            text = raw_object.join(raw_object.split_stored(rows[0]["text"]) | changes)
            if len(text) > MAX_USER_DATA_BYTES:
                raise TooLarge(f"[ERROR: {field}: at most {MAX_USER_DATA_BYTES} bytes]")
            await execute(_UPDATE.format(field), account_id, text.decode())
        return msgspec.Raw(text)

    async def set_status(
        self, account_id: str, emoji: str | None, message: str | None, expires_at: int | None
    ) -> None:
        """Store the status line. None = unchanged. Units: epoch seconds."""
        async with transaction():
            if not await execute(_SET_STATUS, account_id, emoji, message, expires_at, now()):
                raise NotFound
            after_commit(lambda: self._bus.publish(AccountChanged(account_id)))
