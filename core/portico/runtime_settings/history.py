"""What settings were before each change, in the transaction of the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from portico.db import (
    MAX_INT64,
    MAX_ROWS_PER_STATEMENT,
    Row,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    new_id,
    now,
    placeholder_rows,
)
from portico.encryption import DecryptionError, Encryptor
from portico.runtime_settings.tables import ENCRYPTED_HISTORY

#: Changes on one page.
PAGE_SIZE: Final = 50
#: Changes of one setting that are kept; older ones are forgotten.
MAX_CHANGES_PER_SETTING: Final = 100

_BEGIN = "INSERT INTO portico_configuration_change (at, author) VALUES ($1, $2) RETURNING number"
_INSERT = "INSERT INTO portico_configuration_history (id, change, name, value, encrypted) VALUES "
_FORGET = (
    "DELETE FROM portico_configuration_history WHERE name = $1 AND change <= (SELECT change "  # noqa: S608
    "FROM portico_configuration_history WHERE name = $1 ORDER BY change DESC "
    f"LIMIT 1 OFFSET {MAX_CHANGES_PER_SETTING})"
)
_NUMBERS = (
    "SELECT c.number FROM portico_configuration_change c WHERE c.number < $1 AND EXISTS (SELECT 1 "  # noqa: S608
    "FROM portico_configuration_history h WHERE h.change = c.number{only}) "
    f"ORDER BY c.number DESC LIMIT {PAGE_SIZE}"
)
_ROWS = (
    "SELECT c.number, c.at, c.author, account.name AS author_name, h.id, h.name, h.value, h.encrypted "
    "FROM portico_configuration_change c JOIN portico_configuration_history h ON h.change = c.number "
    "LEFT JOIN portico_account account ON account.id = c.author "
    "WHERE c.number BETWEEN $1 AND $2{only} ORDER BY c.number DESC, h.name"
)


@dataclass(frozen=True, slots=True)
class StoredText:
    """A value as it is stored. `json`: empty = there is none. `is_secret`: it was encrypted."""

    json: str
    is_secret: bool


@dataclass(frozen=True, slots=True)
class PastValue:
    """What a setting was before a change: UNSET = nothing was stored. `is_readable`: its encryption key is there."""

    name: str
    value: Any
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class PastChange:
    """One change. `author_name`: None = the account is gone, or it was the command line. `at`: epoch seconds."""

    number: int
    at: int
    author: str
    author_name: str | None
    values: Sequence[PastValue]


class SettingsHistory:
    """Writes and reads the history. `encryptor`: for values with secrets."""

    def __init__(self, encryptor: Encryptor | None = None) -> None:
        self._encryptor = encryptor

    async def record(self, before: Mapping[str, StoredText], by: str) -> int:
        """Record what settings are before a change, in its transaction. Returns the number of the change."""
        begun = await fetch_one(_BEGIN, now(), by)
        assert begun is not None
        number = int(begun["number"])
        for names in chunks(sorted(before), MAX_ROWS_PER_STATEMENT // 5):
            rows = [self._row(number, name, before[name]) for name in names]
            values = [value for row in rows for value in row]
            await execute(_INSERT + placeholder_rows(len(rows), 5), *values)
        for name in before:
            await execute(_FORGET, name)
        return number

    async def page(self, before: int | None = None, name: str = "") -> list[PastChange]:
        """Return 50 changes with a smaller number than `before`, newest first. `name`: only those of one setting."""
        only, names = (" AND h.name = $2", (name,)) if name else ("", ())
        below = MAX_INT64 if before is None else min(max(before, 0), MAX_INT64)
        numbers = await fetch_all(_NUMBERS.format(only=only), below, *names)
        if not numbers:
            return []
        return await self._changes(numbers[-1]["number"], numbers[0]["number"], name)

    async def find(self, number: int) -> PastChange | None:
        """Return one change; None if there is none of this number, or it was forgotten."""
        found = await self._changes(number, number) if 0 < number <= MAX_INT64 else []
        return found[0] if found else None

    async def _changes(self, first: int, last: int, name: str = "") -> list[PastChange]:
        only, names = (" AND h.name = $3", (name,)) if name else ("", ())
        by_number: dict[int, list[Row]] = {}
        for row in await fetch_all(_ROWS.format(only=only), first, last, *names):
            by_number.setdefault(row["number"], []).append(row)
        return [
            PastChange(
                number=number,
                at=rows[0]["at"],
                author=rows[0]["author"],
                author_name=rows[0]["author_name"],
                values=[self._value(row) for row in rows],
            )
            for number, rows in by_number.items()
        ]

    def _row(self, number: int, name: str, text: StoredText) -> tuple[Any, ...]:
        row_id = new_id()
        if not (text.is_secret and text.json):
            return row_id, number, name, text.json, ""
        if self._encryptor is None:
            raise LookupError(f"{name} is to be encrypted, and this store has no encryptor")
        context = ENCRYPTED_HISTORY.context_for(row_id)
        return row_id, number, name, "", self._encryptor.encrypt(text.json, context)

    def _value(self, row: Row) -> PastValue:
        text = row["value"]
        try:
            if row["encrypted"] and self._encryptor is not None:
                context = ENCRYPTED_HISTORY.context_for(row["id"])
                text = self._encryptor.decrypt(row["encrypted"], context)
            value = msgspec.json.decode(text) if text else msgspec.UNSET
        except (DecryptionError, msgspec.DecodeError):
            return PastValue(row["name"], msgspec.UNSET, is_readable=False)
        return PastValue(row["name"], value)
