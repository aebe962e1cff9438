"""Reads the audit log: a page, or all entries, newest first."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from portico.db import fetch_all, fetch_all_in_thread

#: Also the size of a batch of an export.
PAGE_SIZE = 100


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Filter of entries; empty = any. Units: `since` and `until` in epoch seconds; `until` is exclusive."""

    author: str | None = None
    what: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    since: int | None = None
    until: int | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. Units: `at` in epoch seconds.

    `author`: an account id, or empty for the command line, a policy file or the server; `author_name`: the current
    name of that account, None if it does not exist any more.
    """

    number: int
    at: int
    author: str
    author_name: str | None
    what: str
    subject_kind: str
    subject_id: str
    was: msgspec.Raw
    became: msgspec.Raw


class AuditLog:
    """All recorded changes."""

    async def page(self, query: AuditFilter, before: int | None = None) -> list[AuditEntry]:
        """Return the newest 100 entries with a number below `before`, newest first."""
        sql, args = _select(query, before)
        return [_entry(found) for found in await fetch_all(sql, *args)]

    async def count_and_limit(self, query: AuditFilter) -> tuple[int, int]:
        """Return the number of entries, and an upper limit of their numbers."""
        where, args = _conditions(query, None)
        (found,) = await fetch_all_in_thread(
            f"SELECT COUNT(*) AS n, MAX(a.number) AS last FROM portico_audit a WHERE {where}",  # noqa: S608
            *args,
        )
        return int(found["n"]), int(found["last"] or 0) + 1

    async def export(
        self, query: AuditFilter, before: int | None = None
    ) -> AsyncIterator[list[AuditEntry]]:
        """Yield all entries with a number below `before` in batches, newest first. Holds no connection between batches."""
        while True:
            sql, args = _select(query, before)
            batch = [_entry(found) for found in await fetch_all_in_thread(sql, *args)]
            if batch:
                yield batch
            if len(batch) < PAGE_SIZE:
                return
            before = batch[-1].number


def _conditions(query: AuditFilter, before: int | None) -> tuple[str, list[Any]]:
    conditions, args = ["1 = 1"], list[Any]()
    for condition, value in (
        ("a.author = ", query.author),
        ("a.what = ", query.what or None),
        ("a.subject_kind = ", query.subject_kind or None),
        ("a.subject_id = ", query.subject_id or None),
        ("a.at >= ", query.since),
        ("a.at < ", query.until),
        ("a.number < ", before),
    ):
        if value is not None:
            args.append(value)
            conditions.append(f"{condition}${len(args)}")
    return " AND ".join(conditions), args


def _select(query: AuditFilter, before: int | None) -> tuple[str, list[Any]]:
    where, args = _conditions(query, before)
    return (
        "SELECT a.*, who.name AS author_name FROM portico_audit a "  # noqa: S608 - constants only
        "LEFT JOIN portico_account who ON who.id = a.author "
        f"WHERE {where} ORDER BY a.number DESC LIMIT {PAGE_SIZE}",
        args,
    )


def _entry(found: dict[str, Any]) -> AuditEntry:
    raw = {name: msgspec.Raw((found[name] or "null").encode()) for name in ("was", "became")}
    return AuditEntry(**found | raw)
