"""The same attempts, counted by all instances together in their database, where there is no Redis.

The counter of the process stands in front of this one, so an attempt that is refused there writes nothing. What is
refused here is only read, and then remembered for a moment, so that a flood of attempts is no flood of statements.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from portico.db import (
    current_database,
    execute,
    fetch_all,
    placeholder_rows,
    placeholders,
    transaction,
)
from portico.rate_limits.rules import RateLimit

#: Seconds for which a key that is full is not asked about again, at most: another instance may give attempts back.
REMEMBERED_SECONDS: Final = 1.0
#: Keys that are remembered as full.
MAX_REMEMBERED: Final = 10_000
#: Seconds between two deletions of expired rows by one process, and rows in one of them.
SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 1000

#: The database's clock, in epoch milliseconds: instances on several machines need not agree on the time.
_NOW: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}
_LOOK: Final = "SELECT key, attempts, {now} AS now FROM portico_attempt WHERE key IN ({keys})"
_LOCKED: Final = {"sqlite": "", "postgres": " ORDER BY key FOR UPDATE"}
# Locks each row, in the order of keys, whether it was there or not.
_HOLD: Final = (
    "INSERT INTO portico_attempt (key, attempts, expires_at) VALUES {rows} "
    "ON CONFLICT (key) DO UPDATE SET attempts = portico_attempt.attempts RETURNING key, attempts, {now} AS now"
)
_WRITE: Final = (
    "INSERT INTO portico_attempt (key, attempts, expires_at) VALUES {rows} "
    "ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, expires_at = excluded.expires_at"
)
_KEEP: Final = "UPDATE portico_attempt SET attempts = $2 WHERE key = $1"
_SWEEP: Final = (
    "DELETE FROM portico_attempt WHERE expires_at < {now} AND key IN "
    "(SELECT key FROM portico_attempt WHERE expires_at < {now} LIMIT $1)"
)

#: Attempts of one key: id and epoch milliseconds.
Counted = list[tuple[str, int]]


class DatabaseCounter:
    """As `RedisCounter`. Raises: Unavailable while the database is away; nobody is let in then."""

    def __init__(self) -> None:
        self._full_until: OrderedDict[str, float] = OrderedDict()
        self._sweep_at = 0.0

    async def take(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count an attempt, in one transaction for everybody. Shape: as that of `Ledger.take`."""
        waits = [self._remembered(budget.key) for budget in budgets]
        if any(waits):
            return waits
        waits = _waits(budgets, await self._look(budgets))
        if not any(waits):
            waits = await self._count(budgets, attempt)
        for budget, wait in zip(budgets, waits, strict=True):
            if wait:
                self._remember(budget.key, wait)
        await self._sweep()
        return waits

    async def give_back(self, keys: Sequence[str], attempt: str) -> None:
        """Count an attempt no longer."""
        if not keys:
            return
        dialect = current_database().dialect
        sql = _LOOK.format(now=_NOW[dialect], keys=placeholders(len(keys))) + _LOCKED[dialect]
        async with transaction():
            for found in await fetch_all(sql, *keys):
                before = _counted(found)
                left = [one for one in before if one[0] != attempt]
                if left != before:
                    await execute(_KEEP, found["key"], _text(left))
        for key in keys:
            self._full_until.pop(key, None)

    async def _look(self, budgets: Sequence[RateLimit]) -> list[dict[str, Any]]:
        keys = [budget.key for budget in budgets]
        now = _NOW[current_database().dialect]
        return await fetch_all(_LOOK.format(now=now, keys=placeholders(len(keys))), *keys)

    async def _count(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        ordered = sorted(budgets)
        empty = [value for budget in ordered for value in (budget.key, "[]", 0)]
        places = placeholder_rows(len(ordered), 3)
        now_sql = _NOW[current_database().dialect]
        async with transaction():
            held = await fetch_all(_HOLD.format(rows=places, now=now_sql), *empty)
            waits = _waits(budgets, held)
            if any(waits):
                return waits  # what another instance counted since it was looked at
            by_key = {found["key"]: found for found in held}
            values: list[Any] = []
            for budget in ordered:
                found = by_key[budget.key]
                window, now = round(budget.window * 1000), int(found["now"])
                counted = [*_within(found, window), (attempt, now)]
                values += (budget.key, _text(counted), now + window)
            await execute(_WRITE.format(rows=places), *values)
        return waits

    def _remembered(self, key: str) -> float:
        """Seconds for which a key is known to be full; 0 = that is not known."""
        until = self._full_until.get(key)
        if until is None:
            return 0.0
        left = until - time.monotonic()
        if left <= 0:
            del self._full_until[key]
        return max(left, 0.0)

    def _remember(self, key: str, wait: float) -> None:
        self._full_until[key] = time.monotonic() + min(wait, REMEMBERED_SECONDS)
        self._full_until.move_to_end(key)
        while len(self._full_until) > MAX_REMEMBERED:
            self._full_until.popitem(last=False)

    async def _sweep(self) -> None:
        """Delete rows that have expired, now and then."""
        if time.monotonic() < self._sweep_at:
            return
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        await execute(_SWEEP.format(now=_NOW[current_database().dialect]), SWEEP_ROWS)


def _waits(budgets: Sequence[RateLimit], found: Sequence[dict[str, Any]]) -> list[float]:
    """For each budget the seconds until it has a place again; 0 = it has one."""
    by_key = {one["key"]: one for one in found}
    waits = []
    for budget in budgets:
        one, window = by_key.get(budget.key), round(budget.window * 1000)
        counted = [] if one is None else _within(one, window)
        full = one is not None and len(counted) >= budget.most
        waits.append((counted[0][1] + window - int(one["now"])) / 1000 if one and full else 0.0)
    return waits


def _within(found: dict[str, Any], window: int) -> Counted:
    """The attempts of a row that count. Those from the future are of a clock that was set back."""
    now = int(found["now"])
    return [one for one in _counted(found) if now - window < one[1] <= now]


def _counted(found: dict[str, Any]) -> Counted:
    return msgspec.json.decode(found["attempts"], type=Counted)


def _text(counted: Counted) -> str:
    return msgspec.json.encode(counted).decode()
