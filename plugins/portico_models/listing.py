"""The list of presets: what a client may ask for, and the two statements that answer it.

Every text that reaches a statement is one of those written here; what a client sends is only ever a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from portico.api import Actor, AppContext, ValidationError, fetch_all, likeness
from portico_models.records import KIND
from portico_models.validation import tag_key

#: Records on one page.
PAGE: Final = 30
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
LAST_PAGE: Final = 2**32
#: Characters somebody may search for.
LONGEST_QUERY: Final = 1024

_ORDERS: Final = {
    "": "models_model.created_at",
    "name": "models_model.sought",
    "created_at": "models_model.created_at",
    "updated_at": "models_model.updated_at",
}
_LIKE: Final = str.maketrans({"!": "!!", "%": "!%", "_": "!_", "\x00": ""})


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to list. `view_option`: `created` = the caller's own, `shared` = those of others, else both."""

    query: str = ""
    view_option: str = ""
    tag: str = ""
    order_by: str = ""
    direction: str = ""
    page: int = 1

    def __post_init__(self) -> None:
        """Raises: Misshapen for an order nobody knows, or a text nobody would type."""
        if self.order_by not in _ORDERS:
            raise _misfit("order_by", f"Expected one of {', '.join(filter(None, _ORDERS))}")
        for name in ("query", "tag"):
            if len(getattr(self, name)) > LONGEST_QUERY:
                raise _misfit(name, f"At most {LONGEST_QUERY} characters")

    @property
    def order(self) -> str:
        """ORDER BY, newest first unless asked. The id decides between equals, so that pages never overlap."""
        turn = "ASC" if self.order_by and self.direction == "asc" else "DESC"
        return f"{_ORDERS[self.order_by]} {turn}, models_model.id"

    @property
    def skip(self) -> int:
        """OFFSET."""
        return (min(max(self.page, 1), LAST_PAGE) - 1) * PAGE


@dataclass(frozen=True, slots=True)
class ListFilter:
    """WHERE, and its values."""

    sql: str
    args: Sequence[Any]


async def list_rows(
    app: AppContext, actor: Actor, query: ListQuery
) -> tuple[list[dict[str, Any]], int]:
    """One page of rows with their owners and `may_write`, and the number of all. Two statements."""
    which = await _filter(app, actor, query)
    may_write = await app.permissions.allowed_column(
        actor, "write", KIND, first=len(which.args) + 1
    )
    args = [*which.args, *may_write.args]
    found = await fetch_all(
        f"SELECT models_model.*, ({may_write.sql}) AS may_write, owner.name AS owner_name, "  # noqa: S608
        "owner.role AS owner_role, owner.email AS owner_email FROM models_model "
        f"LEFT JOIN portico_account owner ON owner.id = models_model.user_id WHERE {which.sql} "
        f"ORDER BY {query.order} LIMIT ${len(args) + 1} OFFSET ${len(args) + 2}",
        *args,
        PAGE,
        query.skip,
    )
    all_of_them = await _filter(app, actor, query, whole=True)
    (counted,) = await fetch_all(
        f"SELECT COUNT(*) AS total FROM models_model WHERE {all_of_them.sql}",  # noqa: S608
        *all_of_them.args,
    )
    return found, counted["total"]


async def _filter(
    app: AppContext, actor: Actor, query: ListQuery, *, whole: bool = False
) -> ListFilter:
    listed = await app.permissions.where_allowed(actor, "list", KIND, whole=whole)
    conditions, args = ["models_model.base_model_id IS NOT NULL", listed.sql], [*listed.args]

    def add(condition: str, value: str) -> None:
        args.append(value)
        conditions.append(condition.format(f"${len(args)}"))

    if query.query:
        add("sought LIKE {} ESCAPE '!'", f"%{likeness(query.query).translate(_LIKE)}%")
    if query.tag:
        add(
            "models_model.id IN (SELECT model_id FROM models_tag WHERE models_tag.name = {})",
            tag_key(query.tag),
        )
    if query.view_option == "created":
        add("models_model.user_id = {}", actor.id)
    elif query.view_option == "shared":
        add("models_model.user_id <> {}", actor.id)
    return ListFilter(" AND ".join(conditions), args)


def _misfit(name: str, message: str) -> ValidationError:
    return ValidationError([{"type": "value_error", "loc": ["query", name], "msg": message}])
