"""Reading what was changed: a page, or all of it, newest first."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from portico.db import fetch_all, fetch_all_in_thread

#: Entries on one page, and in one block of an export.
PAGE = 100


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries. Empty = any. Units: `since` and `until` in epoch seconds, the latter not included."""

    author: str | None = None
    what: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    since: int | None = None
    until: int | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. Units: `at` in epoch seconds.

    `author`: an account's id, or empty for the command line, a policy file or the server; `author_name` is as the
    account is called today, None if there is no such account (any more).
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
    """Everything that was noted."""

    async def page(self, asked: AuditFilter, before: int | None = None) -> list[AuditEntry]:
        """The newest 100 entries with a number below `before`. Shape: newest first."""
        sql, args = _select(asked, before)
        return [_entry(found) for found in await fetch_all(sql, *args)]

    async def count_and_limit(self, asked: AuditFilter) -> tuple[int, int]:
        """How many entries there are, and the number below which all of them are."""
        where, args = _conditions(asked, None)
        (found,) = await fetch_all_in_thread(
            f"SELECT COUNT(*) AS n, MAX(a.number) AS last FROM portico_audit a WHERE {where}",  # noqa: S608
            *args,
        )
        return int(found["n"]), int(found["last"] or 0) + 1

    async def export(
        self, asked: AuditFilter, before: int | None = None
    ) -> AsyncIterator[list[AuditEntry]]:
        """All entries with a number below `before`, in blocks, newest first. Holds no connection between two."""
        while True:
            sql, args = _select(asked, before)
            block = [_entry(found) for found in await fetch_all_in_thread(sql, *args)]
            if block:
                yield block
            if len(block) < PAGE:
                return
            before = block[-1].number


def _conditions(asked: AuditFilter, before: int | None) -> tuple[str, list[Any]]:
    conditions, args = ["1 = 1"], list[Any]()
    for condition, value in (
        ("a.author = ", asked.author),
        ("a.what = ", asked.what or None),
        ("a.subject_kind = ", asked.subject_kind or None),
        ("a.subject_id = ", asked.subject_id or None),
        ("a.at >= ", asked.since),
        ("a.at < ", asked.until),
        ("a.number < ", before),
    ):
        if value is not None:
            args.append(value)
            conditions.append(f"{condition}${len(args)}")
    return " AND ".join(conditions), args


def _select(asked: AuditFilter, before: int | None) -> tuple[str, list[Any]]:
    where, args = _conditions(asked, before)
    return (
        "SELECT a.*, who.name AS author_name FROM portico_audit a "  # noqa: S608 - no word is a client's
        "LEFT JOIN portico_account who ON who.id = a.author "
        f"WHERE {where} ORDER BY a.number DESC LIMIT {PAGE}",
        args,
    )


def _entry(found: dict[str, Any]) -> AuditEntry:
    raw = {name: msgspec.Raw((found[name] or "null").encode()) for name in ("was", "became")}
    return AuditEntry(**found | raw)
