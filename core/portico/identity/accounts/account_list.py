"""Lists of accounts: search, sort, paginate.

SQL text consists of constants of this module only; client input is always a bound value. A page is selected by ids from
indexes first and its rows are read afterwards, because a row may hold a picture and much more.
"""

import re
from collections import defaultdict
from typing import Any, Final

import msgspec

from portico.db import contains_pattern, fetch_all, fetch_all_in_thread, page_offset, placeholders
from portico.errors import field_error
from portico.identity.accounts.account import Account
from portico.normalization import likeness

PAGE_SIZE: Final = 30
MAX_QUERY_CHARS: Final = 1024
#: Prefix of an order by membership: `group_id:<id>`. Members come first in descending order.
BY_GROUP: Final = "group_id:"

_ORDERS: Final = {
    "": "created_at",
    "name": "folded",
    "email": "email",
    "created_at": "created_at",
    "last_active_at": "last_active_at",
    "updated_at": "updated_at",
    "role": "role",
}
#: Orders that would reveal e-mail addresses or memberships to a caller who may not read them.
_EMAIL_ORDERS: Final = ("email", BY_GROUP)
_BLANKS: Final = re.compile(r"\s+")
# Without the three columns a page does not carry the user data of thirty accounts.
_ACCOUNT_COLUMNS: Final = ", ".join(
    f"NULL AS {name}" if name in ("info", "settings", "oauth") else name
    for name in Account.__struct_fields__
)
_SUMMARY_COLUMNS: Final = "id, email, name, role, status_emoji, status_message, status_expires_at, created_at, last_active_at"


class AccountSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a list, with the columns that lists show. Units: times in epoch seconds."""

    id: str
    email: str
    name: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    created_at: int
    last_active_at: int


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts to list. `query`: part of a name, or of an e-mail address if `with_emails`.

    `order_by`: a column, or `group_id:<id>`; `direction`: `asc`, else descending. A page below 1 means 1.
    """

    query: str = ""
    order_by: str = ""
    direction: str = ""
    page: int = 1
    with_emails: bool = True

    def __post_init__(self) -> None:
        """Raises: ValidationError for an unknown order or a text that is too long."""
        known = self.order_by in _ORDERS or self.order_by.startswith(BY_GROUP)
        if not known or (not self.with_emails and self.order_by.startswith(_EMAIL_ORDERS)):
            names = ", ".join(filter(None, _ORDERS))
            raise field_error(
                "order_by",
                "value_error",
                f"Expected one of {names} or {BY_GROUP}<id>",
                source="query",
            )
        for name in ("query", "order_by"):
            if len(getattr(self, name)) > MAX_QUERY_CHARS:
                raise field_error(
                    name, "value_error", f"At most {MAX_QUERY_CHARS} characters", source="query"
                )

    @property
    def pattern(self) -> str | None:
        """The LIKE pattern for `folded`; None = no filter. The name is the part before the line break."""
        pattern = contains_pattern(likeness(_BLANKS.sub(" ", self.query)))
        if pattern == contains_pattern(""):
            return None
        return pattern if self.with_emails else f"{pattern}\n%"

    @property
    def offset(self) -> int:
        """The number of rows to skip."""
        return page_offset(self.page, PAGE_SIZE)


class AccountList:
    """Lists of accounts."""

    async def accounts(self, query: AccountQuery) -> tuple[list[Account], int]:
        """Return one page of accounts without `info`, `settings` and `oauth`, and the total number. Three statements."""
        rows, total = await self._page(query, _ACCOUNT_COLUMNS)
        return [Account(**row) for row in rows], total

    async def summaries(self, query: AccountQuery) -> tuple[list[AccountSummary], int]:
        """Return one page of summaries and the total number. Three statements."""
        rows, total = await self._page(query, _SUMMARY_COLUMNS)
        return [AccountSummary(**row) for row in rows], total

    async def all(self) -> list[AccountSummary]:
        """Return all accounts, newest first."""
        sql = f"SELECT {_SUMMARY_COLUMNS} FROM portico_account ORDER BY created_at DESC, id DESC"  # noqa: S608
        return [AccountSummary(**row) for row in await fetch_all_in_thread(sql)]

    async def colliding(self) -> list[AccountSummary]:
        """Return the accounts whose e-mail address equals that of another account, sorted by address."""
        sql = f"SELECT {_SUMMARY_COLUMNS} FROM portico_account WHERE colliding = TRUE ORDER BY email_key, created_at, id"  # noqa: S608
        return [AccountSummary(**row) for row in await fetch_all_in_thread(sql)]

    async def groups_of(self, account_ids: list[str]) -> dict[str, list[str]]:
        """Return the groups of some accounts. Shape: sorted group ids by account id."""
        sql = f"SELECT account_id, group_id FROM portico_group_member WHERE account_id IN ({placeholders(len(account_ids))})"  # noqa: S608
        group_ids = defaultdict(list)
        for row in await fetch_all(f"{sql} ORDER BY group_id", *account_ids) if account_ids else ():
            group_ids[row["account_id"]].append(row["group_id"])
        return group_ids

    async def _page(self, query: AccountQuery, columns: str) -> tuple[list[dict[str, Any]], int]:
        sql, args = _ids(query)
        ask = (
            fetch_all_in_thread if args else fetch_all
        )  # with values it is a search or an order that scans all accounts
        ids = [row["id"] for row in await ask(sql, *args, PAGE_SIZE, query.offset)]
        if query.pattern is None:
            (counted,) = await fetch_all(_COUNT)
        else:
            (counted,) = await fetch_all_in_thread(_COUNT_MATCHING, query.pattern)
        sql = f"SELECT {columns} FROM portico_account WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
        by_id = {row["id"]: row for row in await fetch_all(sql, *ids)} if ids else {}
        return [by_id[account_id] for account_id in ids if account_id in by_id], counted["total"]


# The index on `folded` covers a search, so no rows are read.
_MATCHING: Final = "folded LIKE $1 ESCAPE '!'"
_COUNT: Final = "SELECT COUNT(*) AS total FROM portico_account"
_COUNT_MATCHING: Final = f"{_COUNT} WHERE {_MATCHING}"


def _ids(query: AccountQuery) -> tuple[str, list[Any]]:
    """Return the statement that selects the ids of a page, and its values except LIMIT and OFFSET."""
    pattern = query.pattern
    args: list[Any] = [] if pattern is None else [pattern]
    direction = "ASC" if query.order_by and query.direction == "asc" else "DESC"
    sql = "SELECT a.id FROM portico_account a"
    if query.order_by.startswith(BY_GROUP):
        args.append(query.order_by.removeprefix(BY_GROUP).replace("\x00", ""))
        sql += f" LEFT JOIN portico_group_member m ON m.account_id = a.id AND m.group_id = ${len(args)}"
        order = f"CASE WHEN m.account_id IS NULL THEN 0 ELSE 1 END {direction}, a.folded, a.id"
    else:
        order = f"a.{_ORDERS[query.order_by]} {direction}, a.id {direction}"
    if pattern is not None:
        sql += f" WHERE a.id IN (SELECT id FROM portico_account WHERE {_MATCHING})"  # noqa: S608
    return f"{sql} ORDER BY {order} LIMIT ${len(args) + 1} OFFSET ${len(args) + 2}", args
