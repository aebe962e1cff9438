"""Reading the rows of a table for an export, page by page; nothing is held between two pages."""

from collections.abc import AsyncIterator
from typing import Any, Final

from portico.db import fetch_all, fetch_one
from portico.transfer.kinds import ExportScope

#: Rows of one page.
PAGE_ROWS: Final = 200


async def table_pages(
    table: str,
    scope: ExportScope,
    *,
    owner: str = "user_id",
    columns: str = "*",
    rows: int = PAGE_ROWS,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the rows of a scope, in the order of their ids. `columns`: with `id` among them. `owner`: the owner's column."""
    mine, args = (
        ("", ()) if scope.account_id is None else (f" AND {owner} = $2", (scope.account_id,))
    )
    sql = f"SELECT {columns} FROM {table} WHERE id > $1{mine} ORDER BY id LIMIT {rows}"  # noqa: S608
    last = ""
    while page := await fetch_all(sql, last, *args):
        yield page
        last = page[-1]["id"]


async def table_count(table: str, scope: ExportScope, *, owner: str = "user_id") -> int:
    """Return how many rows of a table a scope has."""
    mine, args = (
        ("", ()) if scope.account_id is None else (f" WHERE {owner} = $1", (scope.account_id,))
    )
    found = await fetch_one(f"SELECT COUNT(*) AS n FROM {table}{mine}", *args)  # noqa: S608
    return int(found["n"]) if found else 0
