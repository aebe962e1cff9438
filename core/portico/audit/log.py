"""Reads the audit log: a page, or all of it, newest first."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from portico.db import fetch_all, fetch_all_in_thread

#: Entries on one page, and in one block of an export.
PAGE_SIZE = 100


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to read. Empty = any. Units: `since` and `until` in epoch seconds, the latter not included."""

    author: str | None = None
    event: str = ""
    resource_kind: str = ""
    resource_id: str = ""
    since: int | None = None
    until: int | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. Units: `at` in epoch seconds.

    `author`: an account's id, or empty for the command line, a policy file or the server; `author_name`: the account's
    name today, None if it was deleted. `old`, `new`: JSON, null = nothing.
    """

    number: int
    at: int
    author: str
    author_name: str | None
    event: str
    resource_kind: str
    resource_id: str
    old: msgspec.Raw
    new: msgspec.Raw


class SealedEntry(AuditEntry, frozen=True, kw_only=True):
    """An entry with what is needed to verify it elsewhere. `segment`: of the hash chain; None = not sealed yet."""

    segment: int | None
    salt: str
    dropped: str
    signature: str


class AuditLog:
    """Reads the entries of the audit log."""

    async def page(self, filters: AuditFilter, before: int | None = None) -> list[AuditEntry]:
        """Return the newest 100 entries with a number below `before`, newest first."""
        sql, args = _select(AuditEntry, filters, before)
        return [AuditEntry(**_json_values(row)) for row in await fetch_all(sql, *args)]

    async def count_and_limit(self, filters: AuditFilter) -> tuple[int, int]:
        """Return the number of entries, and the entry number below which all of them are."""
        where, args = _conditions(filters, None)
        (found,) = await fetch_all_in_thread(
            f"SELECT COUNT(*) AS n, MAX(a.number) AS last FROM portico_audit a WHERE {where}",  # noqa: S608
            *args,
        )
        return int(found["n"]), int(found["last"] or 0) + 1

    async def export(
        self, filters: AuditFilter, before: int | None = None
    ) -> AsyncIterator[list[SealedEntry]]:
        """Yield all entries with a number below `before` in blocks, newest first. Holds no connection between two blocks."""
        while True:
            sql, args = _select(SealedEntry, filters, before)
            rows = await fetch_all_in_thread(sql, *args)
            block = [SealedEntry(**_json_values(row)) for row in rows]
            if block:
                yield block
            if len(block) < PAGE_SIZE:
                return
            before = block[-1].number


def _conditions(filters: AuditFilter, before: int | None) -> tuple[str, list[Any]]:
    conditions, args = ["1 = 1"], list[Any]()
    for condition, value in (
        ("a.author = ", filters.author),
        ("a.event = ", filters.event or None),
        ("a.resource_kind = ", filters.resource_kind or None),
        ("a.resource_id = ", filters.resource_id or None),
        ("a.at >= ", filters.since),
        ("a.at < ", filters.until),
        ("a.number < ", before),
    ):
        if value is not None:
            args.append(value)
            conditions.append(f"{condition}${len(args)}")
    return " AND ".join(conditions), args


def _select(
    kind: type[AuditEntry], filters: AuditFilter, before: int | None
) -> tuple[str, list[Any]]:
    where, args = _conditions(filters, before)
    columns = ", ".join(f"a.{name}" for name in kind.__struct_fields__ if name != "author_name")
    return (
        f"SELECT {columns}, account.name AS author_name FROM portico_audit a "  # noqa: S608 - no client's text
        "LEFT JOIN portico_account account ON account.id = a.author "
        f"WHERE {where} ORDER BY a.number DESC LIMIT {PAGE_SIZE}",
        args,
    )


def _json_values(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: msgspec.Raw((row[name] or "null").encode()) for name in ("old", "new")}
