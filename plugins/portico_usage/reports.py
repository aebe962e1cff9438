"""What routes and commands show of usage: sums by any dimension, single calls, and both for programs."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from portico.api import AppContext, NotFound
from portico.api.db import MAX_INT64, page_offset
from portico.api.interfaces import MICROS_PER_UNIT
from portico.api.json import field_error
from portico_usage import queries
from portico_usage.prices import ModelPrices
from portico_usage.queries import DIMENSIONS, UsageQuery
from portico_usage.schemas import (
    UsageCallPage,
    UsageCallView,
    UsageGroup,
    UsageReport,
    UsageSums,
)

#: Items on one page.
PAGE_SIZE: Final = 100
#: Sums of one export: a day, a user and a model each.
MAX_EXPORTED_SUMS: Final = 100_000
_DAY_FORMAT: Final = "%Y-%m-%d"
_OWN: Final = frozenset(DIMENSIONS) - {"user", "group"}


class UsageReports:
    """Reads usage by filters that name accounts as people do."""

    def __init__(self, app: AppContext, prices: ModelPrices) -> None:
        self._app, self._prices = app, prices

    async def query(self, *, user: str = "", **filters: Any) -> UsageQuery:
        """Return filters as they are stored; empty = any. `user`: an account's id or e-mail address.

        Raises: NotFound for an unknown address; ValidationError for a text that no database can store.
        """
        for name, value in {**filters, "user": user}.items():
            if isinstance(value, str) and not _is_storable(value):
                raise field_error(name, "value_error", "Only UTF-8 without NUL", source="query")
        if "@" in user:
            account = await self._app.identity.accounts.by_email(user)
            if account is None:
                raise NotFound(f"No account has the e-mail address {user}.")
            user = account.id
        bounded: dict[str, Any] = {
            name: max(min(value, MAX_INT64), 0) if isinstance(value, int) else value or None
            for name, value in filters.items()
        }
        return UsageQuery(user_id=user or None, **bounded)

    async def report(
        self, query: UsageQuery, dimensions: Sequence[str], page: int = 1
    ) -> UsageReport:
        """Return one page of sums. `dimensions`: of `DIMENSIONS`, at least one."""
        found = await queries.sums(query, dimensions, PAGE_SIZE + 1, page_offset(page, PAGE_SIZE))
        return UsageReport(
            currency=await self._prices.currency(),
            items=await self._groups(found[:PAGE_SIZE], dimensions),
            total=UsageSums(**_sums(await queries.total(query))),
            next=max(page, 1) + 1 if len(found) > PAGE_SIZE else None,
        )

    async def groups(self, query: UsageQuery, dimensions: Sequence[str]) -> list[UsageGroup]:
        """Return all sums, but at most MAX_EXPORTED_SUMS."""
        found = await queries.sums(query, dimensions, MAX_EXPORTED_SUMS, 0)
        return await self._groups(found, dimensions)

    async def calls(self, query: UsageQuery, before: str = "") -> UsageCallPage:
        """Return the newest 100 calls. `before`: the id of the last one of the previous page. Raises: NotFound."""
        place = await queries.place_of(before) if _is_storable(before) and before else None
        if before and place is None:
            raise NotFound
        found = await queries.calls(query, PAGE_SIZE + 1, place)
        items = await _views(found[:PAGE_SIZE])
        return UsageCallPage(
            currency=await self._prices.currency(),
            items=items,
            next=items[-1].id if len(found) > PAGE_SIZE else None,
        )

    async def call_blocks(self, query: UsageQuery) -> AsyncIterator[list[UsageCallView]]:
        """Yield all calls, newest first, in blocks."""
        async for block in queries.call_blocks(query):
            yield await _views(block)

    async def _groups(
        self, rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str]
    ) -> list[UsageGroup]:
        users = await queries.users(_ids(rows, "by_user")) if "user" in dimensions else {}
        names = await queries.group_names(_ids(rows, "by_group")) if "group" in dimensions else {}
        return [UsageGroup(**_sums(row), **_labels(row, users, names)) for row in rows]


def parse_dimensions(text: str, default: str, *, is_own: bool = False) -> tuple[str, ...]:
    """Return the dimensions in a text such as `day,model`. `is_own`: those of one's own usage.

    Raises: ValidationError for an unknown one.
    """
    known = _OWN if is_own else DIMENSIONS.keys()
    names = tuple(dict.fromkeys(part.strip() for part in (text or default).split(",")))
    if not known >= set(names):
        allowed = ", ".join(name for name in DIMENSIONS if name in known)
        raise field_error("group_by", "value_error", f"One or more of: {allowed}", source="query")
    return names


async def _views(rows: Sequence[Mapping[str, Any]]) -> list[UsageCallView]:
    users = await queries.users(_ids(rows, "user_id"))
    groups = await queries.groups_of_sets(_ids(rows, "group_set"))
    return [_view(row, *users.get(row["user_id"], ("", "")), groups) for row in rows]


def _view(
    row: Mapping[str, Any], name: str, email: str, groups: Mapping[str, list[str]]
) -> UsageCallView:
    first, cost = row["first_byte_ms"], row["cost"]
    copied = {field: row[field] for field in UsageCallView.__struct_fields__ if field in row}
    return UsageCallView(
        **{
            **copied,
            "user_name": name,
            "user_email": email,
            "group_ids": groups.get(row["group_set"], []),
            "is_estimated": bool(row["is_estimated"]),
            "cost": None if cost is None else cost / MICROS_PER_UNIT,
            "first_byte_seconds": None if first is None else first / 1000,
            "seconds": row["duration_ms"] / 1000,
        }
    )


def _sums(row: Mapping[str, Any]) -> dict[str, Any]:
    sums = {name: row[name] for name in UsageSums.__struct_fields__ if name in row}
    return {**sums, "cost": row["cost"] / MICROS_PER_UNIT, "seconds": row["duration_ms"] / 1000}


def _labels(
    row: Mapping[str, Any], users: Mapping[str, tuple[str, str]], groups: Mapping[str, str]
) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    for name in (one for one in DIMENSIONS if f"by_{one}" in row):
        value = row[f"by_{name}"]
        match name:
            case "day":
                labels["day"] = time.strftime(_DAY_FORMAT, time.gmtime(value))
            case "user":
                user_name, email = users.get(value, ("", ""))
                labels |= {"user_id": value, "user_name": user_name, "user_email": email}
            case "group":
                labels |= {"group_id": value, "group_name": groups.get(value, "")}
            case "key":
                labels["key_id"] = value
            case _:
                labels[name] = value
    return labels


def _ids(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    return sorted({row[column] for row in rows} - {""})


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
