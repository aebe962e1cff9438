"""Writes calls and their daily sums, and removes accounts from them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import add
from typing import Final

import msgspec
from msgspec.structs import astuple

from portico.api import AppContext
from portico.api.db import (
    chunks,
    execute,
    fetch_all,
    hold_rows,
    placeholder_rows,
    row_chunks,
    transaction,
)
from portico_usage.call_record import CallRecord, storable
from portico_usage.prices import PriceTable


class StoredCall(msgspec.Struct, frozen=True, gc=False):
    """A row of `usage_call`, with its columns in their order."""

    id: str
    at: int
    user_id: str
    group_set: str
    key_id: str
    chat_id: str
    operation: str
    model: str
    base_model: str
    source: str
    outcome: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimated: bool
    cost: int | None
    first_byte_ms: int | None
    duration_ms: int


_CALL: Final = StoredCall.__struct_fields__
_DAY_KEYS: Final = ("day", "user_id", "group_set", "model", "base_model", "source", "key_id")
#: What is added up.
SUMS: Final = (
    "calls", "failed_calls", "estimated_calls", "unpriced_calls", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "cost", "duration_ms",
)  # fmt: skip
_DAY: Final = ", ".join((*_DAY_KEYS, *SUMS))
DAY_SECONDS: Final = 86400

_INSERT_CALLS: Final = (
    f"INSERT INTO usage_call ({', '.join(_CALL)}) VALUES {{}} "  # noqa: S608 - names of columns
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
_ADD: Final = ", ".join(f"{name} = usage_day.{name} + excluded.{name}" for name in SUMS)
_ON_CONFLICT: Final = f"ON CONFLICT ({', '.join(_DAY_KEYS)}) DO UPDATE SET {_ADD}"
_ADD_DAYS: Final = f"INSERT INTO usage_day ({_DAY}) VALUES {{}} {_ON_CONFLICT}"  # noqa: S608 - names of columns
_INSERT_GROUP_SET: Final = (
    "INSERT INTO usage_group_set (id, group_id) VALUES {} ON CONFLICT (id, group_id) DO NOTHING"
)
#: Rows of an account that are changed in one statement.
FORGET_ROWS: Final = 500
_FORGET_CALLS: Final = (
    "UPDATE usage_call SET user_id = '', key_id = '', chat_id = '' WHERE id IN "
    "(SELECT id FROM usage_call WHERE user_id = $1 LIMIT CAST($2 AS BIGINT))"
)
# The sums become part of those of all deleted accounts of the day.
_FORGET_DAYS: Final = (
    f"INSERT INTO usage_day ({_DAY}) "  # noqa: S608 - names of columns
    "SELECT day, '', group_set, model, base_model, source, '', "
    f"{', '.join(f'CAST(SUM({name}) AS BIGINT)' for name in SUMS)} FROM usage_day WHERE user_id = $1 "
    "GROUP BY day, group_set, model, base_model, source ORDER BY day, group_set, model, base_model, source "
    f"{_ON_CONFLICT}"
)
_DELETE_DAYS: Final = "DELETE FROM usage_day WHERE user_id = $1"
_GONE: Final = (
    "SELECT user_id FROM usage_day WHERE user_id <> '' AND NOT EXISTS "
    "(SELECT 1 FROM portico_account a WHERE a.id = usage_day.user_id) "
    "UNION SELECT user_id FROM usage_call WHERE user_id <> '' AND NOT EXISTS "
    "(SELECT 1 FROM portico_account a WHERE a.id = usage_call.user_id)"
)


class UsageStore:
    """Writes calls with the groups of their accounts and their cost."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def write(self, records: Sequence[CallRecord], prices: PriceTable) -> None:
        """Write calls and add them to the sums, in one transaction. Those that are written already are left out."""
        async with transaction():
            known = await hold_rows("portico_account", {one.user_id for one in records})
            groups = await self._app.identity.groups.ids_of_accounts(sorted(known))
            sets = {account: group_set_id(ids) for account, ids in groups.items()}
            await _write_group_sets({sets[account]: ids for account, ids in groups.items()})
            rows = [_row(one, one.user_id in known, sets, prices) for one in records]
            written: set[str] = set()
            for some in row_chunks(rows):
                sql = _INSERT_CALLS.format(placeholder_rows(len(some), len(_CALL)))
                found = await fetch_all(sql, *chain.from_iterable(map(astuple, some)))
                written |= {row["id"] for row in found}
            await _add_days(row for row in rows if row.id in written)


async def forget_account(account_id: str) -> None:
    """Remove an account from its calls and sums: user, key and chat. What they used is kept."""
    while await execute(_FORGET_CALLS, account_id, FORGET_ROWS) == FORGET_ROWS:
        pass
    async with transaction():
        await execute(_FORGET_DAYS, account_id)
        await execute(_DELETE_DAYS, account_id)


async def deleted_accounts() -> list[str]:
    """Return the ids of accounts that do not exist any more, and whose usage still names them."""
    return [row["user_id"] for row in await fetch_all(_GONE)]


def group_set_id(group_ids: Sequence[str]) -> str:
    """Return the id of a set of groups; empty for no groups. `group_ids`: sorted."""
    return hashlib.sha256("\n".join(group_ids).encode()).hexdigest()[:32] if group_ids else ""


async def _write_group_sets(sets: Mapping[str, Sequence[str]]) -> None:
    pairs = sorted((one, group) for one, groups in sets.items() for group in groups)
    for some in chunks(pairs):
        sql = _INSERT_GROUP_SET.format(placeholder_rows(len(some), 2))
        await execute(sql, *(value for pair in some for value in pair))


def _row(
    record: CallRecord, is_known: bool, sets: Mapping[str, str], prices: PriceTable
) -> StoredCall:
    usage = record.usage
    price = prices.find(record.model, record.base_model)
    return StoredCall(
        id=record.id,
        at=record.at,
        user_id=record.user_id if is_known else "",
        group_set=sets.get(record.user_id, ""),
        key_id=record.key_id if is_known else "",
        chat_id=storable(record.chat_id) if is_known else "",
        operation=record.operation,
        model=record.model,
        base_model=record.base_model,
        source=record.source,
        outcome=record.outcome,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        is_estimated=usage.is_estimated,
        cost=None if price is None else price.cost(usage),
        first_byte_ms=record.first_byte_ms,
        duration_ms=record.duration_ms,
    )


async def _add_days(rows: Iterable[StoredCall]) -> None:
    days: dict[tuple[int | str, ...], list[int]] = {}
    for row in rows:
        sums = days.setdefault(_day_key(row), [0] * len(SUMS))
        sums[:] = map(add, sums, _summands(row))
    # Sorted: instances that write the same days at the same time take their rows in the same order.
    for some in row_chunks(sorted(days.items())):
        sql = _ADD_DAYS.format(placeholder_rows(len(some), len(_DAY_KEYS) + len(SUMS)))
        await execute(sql, *(value for key, sums in some for value in (*key, *sums)))


def _day_key(row: StoredCall) -> tuple[int | str, ...]:
    """Return the values of `_DAY_KEYS`."""
    day = row.at - row.at % DAY_SECONDS
    return day, row.user_id, row.group_set, row.model, row.base_model, row.source, row.key_id


def _summands(row: StoredCall) -> tuple[int, ...]:
    """Return the values of `SUMS`."""
    return (
        1,
        int(row.outcome != "completed"),
        int(row.is_estimated),
        int(row.cost is None),
        row.input_tokens,
        row.output_tokens,
        row.cached_tokens,
        row.reasoning_tokens,
        row.cost or 0,
        row.duration_ms,
    )
