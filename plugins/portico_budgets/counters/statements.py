"""The SQL of the counters. Counters are always locked in the order of their keys, and before the parts of processes."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from portico.api.db import (
    chunks,
    current_database,
    execute,
    fetch_all,
    now,
    transaction,
    with_clock,
)
from portico_budgets.counters.counter_part import CounterPart, Totals
from portico_budgets.counters.demand import CounterKey

_ADD: Final = (
    "WITH wanted (budget_id, period_start, kept_until) AS (VALUES {}) "
    "INSERT INTO budgets_counter (budget_id, period_start, kept_until) "
    "SELECT w.budget_id, w.period_start, w.kept_until FROM wanted w "
    "JOIN budgets_budget b ON b.id = w.budget_id WHERE TRUE ORDER BY 1, 2 "
    "ON CONFLICT (budget_id, period_start) DO NOTHING"
)
_LOCK: Final = (
    "WITH wanted (budget_id, period_start) AS (VALUES {}) "
    "SELECT c.budget_id, c.period_start, c.used, c.reserved, b.amount FROM wanted w "
    "JOIN budgets_counter c ON c.budget_id = w.budget_id AND c.period_start = w.period_start "
    "JOIN budgets_budget b ON b.id = c.budget_id ORDER BY c.budget_id, c.period_start"
)
# The amounts of a part are totals, so that a write whose outcome is unknown can be repeated.
_MOVE: Final = (
    "WITH part (budget_id, period_start, reserved, used) AS (VALUES {}) "
    "UPDATE budgets_counter SET "
    "reserved = budgets_counter.reserved + part.reserved - COALESCE(was.reserved, 0), "
    "used = budgets_counter.used + part.used - COALESCE(was.used, 0) "
    "FROM part LEFT JOIN budgets_part was ON was.budget_id = part.budget_id "
    "AND was.period_start = part.period_start AND was.instance_id = ${} "
    "WHERE budgets_counter.budget_id = part.budget_id "
    "AND budgets_counter.period_start = part.period_start"
)
_WRITE: Final = (
    "INSERT INTO budgets_part "
    "(budget_id, period_start, reserved, used, spare, kept_until, instance_id, expires_at) "
    "VALUES {} ON CONFLICT (budget_id, period_start, instance_id) DO UPDATE SET "
    "reserved = EXCLUDED.reserved, used = EXCLUDED.used, spare = EXCLUDED.spare, "
    "kept_until = EXCLUDED.kept_until, expires_at = EXCLUDED.expires_at"
)
_EXPIRED: Final = (
    "SELECT budget_id, period_start, MAX({clock}) AS at FROM budgets_part "
    "WHERE reserved <> 0 AND expires_at < {clock} GROUP BY budget_id, period_start "
    "ORDER BY budget_id, period_start LIMIT 200"
)
_FREE: Final = (
    "UPDATE budgets_counter SET reserved = reserved - (SELECT COALESCE(SUM(part.reserved), 0) "
    "FROM budgets_part part WHERE part.budget_id = $1 AND part.period_start = $2 "
    "AND part.reserved <> 0 AND part.expires_at < $3) "
    "WHERE budget_id = $1 AND period_start = $2"
)
_CLEAR: Final = (
    "UPDATE budgets_part SET reserved = 0, spare = 0 WHERE budget_id = $1 AND period_start = $2 "
    "AND reserved <> 0 AND expires_at < $3"
)
_SPARE: Final = (
    "WITH wanted (budget_id, period_start) AS (VALUES {}) "
    "SELECT DISTINCT p.budget_id, p.period_start FROM wanted w "
    "JOIN budgets_part p ON p.budget_id = w.budget_id AND p.period_start = w.period_start "
    "WHERE p.spare > 0 AND p.instance_id <> ${} AND p.expires_at >= {{clock}}"
)
_COUNTERS: Final = (
    "WITH wanted (budget_id, period_start) AS (VALUES {}) "
    "SELECT c.budget_id, c.period_start, c.used, c.reserved FROM wanted w "
    "JOIN budgets_counter c ON c.budget_id = w.budget_id AND c.period_start = w.period_start"
)


class PartLookup(Protocol):
    """The parts of this process, by counter."""

    def __getitem__(self, key: CounterKey, /) -> CounterPart: ...


class Counter(NamedTuple):
    """A counter as the database has it. `amount`: the limit of its budget."""

    used: int
    reserved: int
    amount: int

    @property
    def left(self) -> int:
        """What neither was used nor is reserved."""
        return self.amount - self.used - self.reserved

    def can_have(self, amount: int) -> bool:
        """Return whether this much would be left if nothing were reserved."""
        return amount <= self.amount - self.used


async def add_counters(parts: Mapping[CounterKey, CounterPart]) -> None:
    """Create the counters that do not exist yet."""
    values = [value for key in sorted(parts) for value in (*key, parts[key].counter_kept_until)]
    if values:
        await execute(_ADD.format(_rows(len(parts), 3)), *values)


async def lock_counters(keys: Sequence[CounterKey]) -> dict[CounterKey, Counter]:
    """Lock the counters until the transaction ends, and return them. Those of deleted budgets are left out."""
    lock = " FOR UPDATE OF c" if current_database().dialect == "postgres" else ""
    values = [value for key in keys for value in key]
    found = await fetch_all(_LOCK.format(_rows(len(keys), 2)) + lock, *values)
    return {
        CounterKey(row["budget_id"], row["period_start"]): Counter(
            row["used"], row["reserved"], row["amount"]
        )
        for row in found
    }


async def write_parts(
    instance_id: str,
    totals: Mapping[CounterKey, Totals],
    parts: PartLookup,
    seconds: int,
) -> None:
    """Write the totals of this process, and move the counters by the difference.

    `seconds`: after which the reservations expire. Needs the locks of the counters.
    """
    if not totals:
        return
    at, moved, written = now(), list[object](), list[object]()
    for key, total in totals.items():
        moved += (*key, total.reserved, total.used)
        written += (*key, *total, parts[key].kept_until(at))
    count = len(totals)
    await execute(_MOVE.format(_rows(count, 4), 1 + 4 * count), *moved, instance_id)
    await execute(
        with_clock(_WRITE.format(_part_rows(count))), *written, instance_id, float(seconds)
    )


async def spare_of_others(instance_id: str, keys: Sequence[CounterKey]) -> set[CounterKey]:
    """Return those counters of which other processes have reserved something for calls to come."""
    values = [value for key in keys for value in key]
    sql = _SPARE.format(_rows(len(keys), 2), 1 + 2 * len(keys))
    found = await fetch_all(with_clock(sql), *values, instance_id)
    return {CounterKey(row["budget_id"], row["period_start"]) for row in found}


async def free_expired() -> int:
    """Free the reservations of processes that do not renew them. Return the number of counters that had any."""
    expired = await fetch_all(with_clock(_EXPIRED))
    if not expired:
        return 0
    keys = [CounterKey(row["budget_id"], row["period_start"]) for row in expired]
    at = float(expired[0]["at"])
    async with transaction():
        await lock_counters(keys)
        for key in keys:
            await execute(_FREE, *key, at)
            await execute(_CLEAR, *key, at)
    return len(keys)


async def read_counters(keys: Sequence[CounterKey]) -> dict[CounterKey, tuple[int, int]]:
    """Return what was used and what is reserved, of those counters that exist."""
    read = {}
    for some in chunks(keys):
        values = [value for key in some for value in key]
        for row in await fetch_all(_COUNTERS.format(_rows(len(some), 2)), *values):
            key = CounterKey(row["budget_id"], row["period_start"])
            read[key] = row["used"], row["reserved"]
    return read


@lru_cache(maxsize=256)
def _rows(count: int, width: int) -> str:
    """Return rows of a text and whole numbers, for VALUES."""
    return ", ".join(
        f"(CAST(${first} AS TEXT)"
        + "".join(f", CAST(${n} AS BIGINT)" for n in range(first + 1, first + width))
        + ")"
        for first in range(1, 1 + count * width, width)
    )


@lru_cache(maxsize=256)
def _part_rows(count: int) -> str:
    """Return rows of parts, for VALUES. The last two values are of all rows: the instance, and seconds."""
    last = 6 * count
    return ", ".join(
        f"({', '.join(f'${n + m}' for m in range(1, 7))}, ${last + 1}, {{clock}} + ${last + 2})"
        for n in range(0, last, 6)
    )
