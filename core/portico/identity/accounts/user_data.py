"""What people keep with their account: settings, facts about themselves, a status line.

Settings and facts are objects of which the server knows next to nothing. They are kept as the JSON text that was
sent, taken apart at their top level only.
"""

from typing import Literal, TypeAlias

import msgspec

from portico.db import after_commit, execute, fetch_all, fetch_one, now, transaction
from portico.errors import NotFound, TooLarge
from portico.events import EventBus
from portico.identity.events import AccountChanged

UserDataField: TypeAlias = Literal["settings", "info"]
#: The top level of an object. What is below stays text.
RawFields: TypeAlias = dict[str, msgspec.Raw]

#: Bytes of one of them as JSON.
MAX_USER_DATA_BYTES = 1024 * 1024

_READ = "SELECT {} AS text FROM portico_account WHERE id = $1"
# An update that changes nothing takes the row: whoever else lays something over it waits, and sees the result.
_LOCK = "UPDATE portico_account SET updated_at = updated_at WHERE id = $1 RETURNING {} AS text"
_UPDATE = "UPDATE portico_account SET {} = $2 WHERE id = $1"
_SET_STATUS = (
    "UPDATE portico_account SET status_emoji = COALESCE(CAST($2 AS TEXT), status_emoji), "
    "status_message = COALESCE(CAST($3 AS TEXT), status_message), "
    "status_expires_at = COALESCE(CAST($4 AS BIGINT), status_expires_at), updated_at = $5 WHERE id = $1"
)
_FIELDS = msgspec.json.Decoder(RawFields)


class UserData:
    """The papers of everybody. Raises NotFound for an account that is gone."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def read(self, account_id: str, field: UserDataField) -> msgspec.Raw:
        """JSON text; `null` where nothing was ever kept."""
        found = await fetch_one(_READ.format(field), account_id)
        if found is None:
            raise NotFound
        return msgspec.Raw((found["text"] or "null").encode())

    async def update(
        self, account_id: str, field: UserDataField, changes: RawFields
    ) -> msgspec.Raw:
        """Replace some top-level keys and keep the others, whoever else does so at the same time.

        Returns the whole of it. Raises: TooLarge if that is over 1 MiB; then nothing has changed.
        """
        async with transaction():
            found = await fetch_all(_LOCK.format(field), account_id)
            if not found:
                raise NotFound
            text = msgspec.json.encode(top_level_fields(found[0]["text"]) | changes)
            if len(text) > MAX_USER_DATA_BYTES:
                raise TooLarge(f"[ERROR: {field}: at most {MAX_USER_DATA_BYTES} bytes]")
            await execute(_UPDATE.format(field), account_id, text.decode())
        return msgspec.Raw(text)

    async def set_status(
        self, account_id: str, emoji: str | None, message: str | None, expires_at: int | None
    ) -> None:
        """Say what somebody is up to. What is None stays as it was. Units: epoch seconds."""
        async with transaction():
            if not await execute(_SET_STATUS, account_id, emoji, message, expires_at, now()):
                raise NotFound
            after_commit(lambda: self._bus.publish(AccountChanged(account_id)))


def top_level_fields(text: str | None) -> RawFields:
    """The top level of what is stored; nothing of a text that another server left damaged."""
    try:
        return _FIELDS.decode(text or "{}")
    except msgspec.MsgspecError:
        return {}
