"""Counts the attempts of all instances in the database, where there is no Redis.

`LocalCounter` is asked first, so an attempt that it refuses writes nothing. A refusal here only reads, and is cached for
a second, so many refused attempts cause few statements.
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

#: A full key is not read again for this long at most: another instance may refund attempts.
FULL_CACHE_SECONDS: Final = 1.0
MAX_CACHED_KEYS: Final = 10_000
#: Interval at which a process deletes expired rows, and the number of rows per deletion.
SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 1000

#: The database's clock, in epoch milliseconds: instances on several machines need not agree on the time.
_NOW: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}
_READ: Final = "SELECT key, attempts, {now} AS now FROM portico_attempt WHERE key IN ({keys})"
_FOR_UPDATE: Final = {"sqlite": "", "postgres": " ORDER BY key FOR UPDATE"}
# Locks each row in the order of keys, and creates missing ones.
_LOCK_ROWS: Final = (
    "INSERT INTO portico_attempt (key, attempts, expires_at) VALUES {rows} "
    "ON CONFLICT (key) DO UPDATE SET attempts = portico_attempt.attempts RETURNING key, attempts, {now} AS now"
)
_WRITE: Final = (
    "INSERT INTO portico_attempt (key, attempts, expires_at) VALUES {rows} "
    "ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, expires_at = excluded.expires_at"
)
_UPDATE: Final = "UPDATE portico_attempt SET attempts = $2 WHERE key = $1"
_SWEEP: Final = (
    "DELETE FROM portico_attempt WHERE expires_at < {now} AND key IN "
    "(SELECT key FROM portico_attempt WHERE expires_at < {now} LIMIT $1)"
)

#: Attempts of one key: id and epoch milliseconds.
Counted = list[tuple[str, int]]


class DatabaseCounter:
    """As `RedisCounter`. Raises: Unavailable without a database; then every attempt is refused."""

    def __init__(self) -> None:
        self._full_until: OrderedDict[str, float] = OrderedDict()
        self._sweep_at = 0.0

    async def reserve(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count an attempt in one transaction. Shape: as `LocalCounter.reserve`."""
        waits = [self._cached_wait(limit.key) for limit in limits]
        if any(waits):
            return waits
        waits = _waits(limits, await self._read(limits))
        if not any(waits):
            waits = await self._count(limits, attempt)
        for limit, wait in zip(limits, waits, strict=True):
            if wait:
                self._cache_wait(limit.key, wait)
        await self._sweep()
        return waits

    async def refund(self, keys: Sequence[str], attempt: str) -> None:
        """Do not count an attempt any more."""
        if not keys:
            return
        dialect = current_database().dialect
        sql = _READ.format(now=_NOW[dialect], keys=placeholders(len(keys))) + _FOR_UPDATE[dialect]
        async with transaction():
            for row in await fetch_all(sql, *keys):
                before = _counted(row)
                remaining = [pair for pair in before if pair[0] != attempt]
                if remaining != before:
                    await execute(_UPDATE, row["key"], _text(remaining))
        for key in keys:
            self._full_until.pop(key, None)

    async def _read(self, limits: Sequence[RateLimit]) -> list[dict[str, Any]]:
        keys = [limit.key for limit in limits]
        now = _NOW[current_database().dialect]
        return await fetch_all(_READ.format(now=now, keys=placeholders(len(keys))), *keys)

    async def _count(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        ordered = sorted(limits)
        empty = [value for limit in ordered for value in (limit.key, "[]", 0)]
        rows = placeholder_rows(len(ordered), 3)
        now_sql = _NOW[current_database().dialect]
        async with transaction():
            locked = await fetch_all(_LOCK_ROWS.format(rows=rows, now=now_sql), *empty)
            waits = _waits(limits, locked)
            if any(waits):
                return waits  # another instance counted attempts since the first read
            by_key = {row["key"]: row for row in locked}
            values: list[Any] = []
            for limit in ordered:
                row = by_key[limit.key]
                window, now = round(limit.window * 1000), int(row["now"])
                counted = [*_within(row, window), (attempt, now)]
                values += (limit.key, _text(counted), now + window)
            await execute(_WRITE.format(rows=rows), *values)
        return waits

    def _cached_wait(self, key: str) -> float:
        """Return the seconds for which a key is known to be full; 0 = unknown."""
        until = self._full_until.get(key)
        if until is None:
            return 0.0
        left = until - time.monotonic()
        if left <= 0:
            del self._full_until[key]
        return max(left, 0.0)

    def _cache_wait(self, key: str, wait: float) -> None:
        self._full_until[key] = time.monotonic() + min(wait, FULL_CACHE_SECONDS)
        self._full_until.move_to_end(key)
        while len(self._full_until) > MAX_CACHED_KEYS:
            self._full_until.popitem(last=False)

    async def _sweep(self) -> None:
        """Delete expired rows from time to time."""
        if time.monotonic() < self._sweep_at:
            return
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        await execute(_SWEEP.format(now=_NOW[current_database().dialect]), SWEEP_ROWS)


def _waits(limits: Sequence[RateLimit], rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return for each limit the seconds until it allows an attempt again; 0 = now."""
    by_key = {row["key"]: row for row in rows}
    waits = []
    for limit in limits:
        row, window = by_key.get(limit.key), round(limit.window * 1000)
        counted = [] if row is None else _within(row, window)
        full = row is not None and len(counted) >= limit.limit
        waits.append((counted[0][1] + window - int(row["now"])) / 1000 if row and full else 0.0)
    return waits


def _within(row: dict[str, Any], window: int) -> Counted:
    """Return the attempts of a row that count. Those from the future were counted before the clock was set back."""
    now = int(row["now"])
    return [pair for pair in _counted(row) if now - window < pair[1] <= now]


def _counted(row: dict[str, Any]) -> Counted:
    return msgspec.json.decode(row["attempts"], type=Counted)


def _text(counted: Counted) -> str:
    return msgspec.json.encode(counted).decode()
