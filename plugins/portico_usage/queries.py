"""Reads calls and sums. Which dimension is grouped by is chosen from a table: no text of a client is part of a statement."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from portico.api.db import (
    chunks,
    current_database,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    placeholders,
)
from portico_usage.store import DAY_SECONDS, SUMS

_MONTH: Final = {
    "sqlite": "strftime('%Y-%m', d.day, 'unixepoch')",
    "postgres": "to_char(to_timestamp(d.day) AT TIME ZONE 'UTC', 'YYYY-MM')",
}
#: What sums can be grouped by, with the column. Those of `month` depend on the database.
DIMENSIONS: Final = {
    "day": "d.day",
    "month": "",
    "user": "d.user_id",
    "group": "COALESCE(g.group_id, '')",
    "model": "d.model",
    "base_model": "d.base_model",
    "source": "d.source",
    "key": "d.key_id",
}
_TIMES: Final = ("day", "month")
_GROUPS_OF_DAYS: Final = " LEFT JOIN usage_group_set g ON g.id = d.group_set"
_TOTALS: Final = ", ".join(f"CAST(COALESCE(SUM(d.{one}), 0) AS BIGINT) AS {one}" for one in SUMS)
_IN_GROUP: Final = "group_set IN (SELECT s.id FROM usage_group_set s WHERE s.group_id = ${})"
#: Calls that are read in one statement of an export.
BLOCK_CALLS: Final = 1000


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which usage is read; None = any. `since`, `until`: epoch seconds, the latter not included; sums are of whole days."""

    since: int | None = None
    until: int | None = None
    user_id: str | None = None
    group_id: str | None = None
    model: str | None = None
    base_model: str | None = None
    source: str | None = None
    key_id: str | None = None


async def sums(
    query: UsageQuery, dimensions: Sequence[str], limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return the sums by these dimensions: the newest days first, then the largest."""
    columns = [_column(one) for one in dimensions]
    where, values = _where(query, "d", "day", query.since, query.until)
    selected = "".join(
        f"{column} AS by_{name}, " for name, column in zip(dimensions, columns, strict=True)
    )
    joined = _GROUPS_OF_DAYS if "group" in dimensions else ""
    order = ", ".join(
        [
            *(f"{_column(one)} DESC" for one in dimensions if one in _TIMES),
            "SUM(d.input_tokens + d.output_tokens) DESC",
            *(_column(one) for one in dimensions if one not in _TIMES),
        ]
    )
    place = len(values) + 1
    sql = (
        f"SELECT {selected}{_TOTALS} FROM usage_day d{joined} WHERE {where} "  # noqa: S608 - from the table above
        f"GROUP BY {', '.join(columns)} ORDER BY {order} "
        f"LIMIT CAST(${place} AS BIGINT) OFFSET CAST(${place + 1} AS BIGINT)"
    )
    return await fetch_all_in_thread(sql, *values, limit, offset)


async def total(query: UsageQuery) -> dict[str, Any]:
    """Return the sums of everything that is asked for."""
    where, values = _where(query, "d", "day", query.since, query.until)
    [found] = await fetch_all_in_thread(
        f"SELECT {_TOTALS} FROM usage_day d WHERE {where}",  # noqa: S608 - from the table above
        *values,
    )
    return found


async def calls(
    query: UsageQuery, limit: int, before: tuple[int, str] | None = None
) -> list[dict[str, Any]]:
    """Return calls, newest first. `before`: time and id of the last one of the previous page."""
    where, values = _where(query, "c", "at", query.since, query.until)
    if before is not None:
        where += f" AND (c.at, c.id) < (${len(values) + 1}, ${len(values) + 2})"
        values += before
    return await fetch_all_in_thread(
        f"SELECT c.* FROM usage_call c WHERE {where} "  # noqa: S608 - no text of a client
        f"ORDER BY c.at DESC, c.id DESC LIMIT CAST(${len(values) + 1} AS BIGINT)",
        *values,
        limit,
    )


async def call_blocks(query: UsageQuery) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield all calls, newest first, in blocks."""
    before = None
    while block := await calls(query, BLOCK_CALLS, before):
        yield block
        before = block[-1]["at"], block[-1]["id"]


async def place_of(call_id: str) -> tuple[int, str] | None:
    """Return the time and the id of a call; None if there is no such call."""
    found = await fetch_one("SELECT at, id FROM usage_call WHERE id = $1", call_id)
    return (found["at"], found["id"]) if found else None


async def groups_of_sets(set_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the sorted ids of the groups of each set."""
    groups: dict[str, list[str]] = {}
    for some in chunks(set_ids):
        sql = f"SELECT id, group_id FROM usage_group_set WHERE id IN ({placeholders(len(some))}) ORDER BY 1, 2"  # noqa: S608
        for row in await fetch_all(sql, *some):
            groups.setdefault(row["id"], []).append(row["group_id"])
    return groups


async def users(ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return name and e-mail address of accounts."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunks(ids):
        sql = f"SELECT id, name, email FROM portico_account WHERE id IN ({placeholders(len(some))})"  # noqa: S608
        found |= {row["id"]: (row["name"], row["email"]) for row in await fetch_all(sql, *some)}
    return found


async def group_names(ids: Sequence[str]) -> dict[str, str]:
    """Return the names of groups."""
    found: dict[str, str] = {}
    for some in chunks(ids):
        sql = f"SELECT id, name FROM portico_group WHERE id IN ({placeholders(len(some))})"  # noqa: S608
        found |= {row["id"]: row["name"] for row in await fetch_all(sql, *some)}
    return found


def _column(dimension: str) -> str:
    return DIMENSIONS[dimension] or _MONTH[current_database().dialect]


def _where(
    query: UsageQuery, table: str, time: str, since: int | None, until: int | None
) -> tuple[str, list[Any]]:
    if time == "day" and since is not None:
        since -= since % DAY_SECONDS
    conditions: list[tuple[str, Any]] = [
        (f"{table}.{time} >= ${{}}", since),
        (f"{table}.{time} < ${{}}", until),
        (f"{table}.user_id = ${{}}", query.user_id),
        (f"{table}.{_IN_GROUP}", query.group_id),
        (f"{table}.model = ${{}}", query.model),
        (f"{table}.base_model = ${{}}", query.base_model),
        (f"{table}.source = ${{}}", query.source),
        (f"{table}.key_id = ${{}}", query.key_id),
    ]
    given = [(sql, value) for sql, value in conditions if value is not None]
    where = " AND ".join(sql.format(place) for place, (sql, _) in enumerate(given, 1))
    return where or "1 = 1", [value for _, value in given]
