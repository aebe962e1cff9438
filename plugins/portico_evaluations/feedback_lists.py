"""Lists of ratings: pages for administrators, one's own, the light list of all, and the export."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.db import fetch_all, fetch_all_in_thread, fetch_one, page_offset
from portico_evaluations.schemas import (
    AuthoredFeedback,
    ExportedFeedback,
    FeedbackAuthor,
    FeedbackOrder,
    FeedbackPage,
    ListedFeedback,
)
from portico_evaluations.service import KIND, listed
from portico_evaluations.settings import EvaluationsSettings

PAGE_SIZE: Final = 30
#: One's own ratings in one answer.
MAX_OWN: Final = 1000
#: Ratings that are read at once, and those that may have a copy of a chat.
BLOCK_SIZE: Final = 200
EXPORT_BLOCK_SIZE: Final = 10

_COLUMNS: Final = ", ".join(
    f"evaluations_feedback.{name}"
    for name in ("id", "user_id", "version", "type", "data", "comment", "meta", "created_at", "updated_at")
)  # fmt: skip
_ORDERS: Final[dict[FeedbackOrder, str]] = {
    "": "evaluations_feedback.created_at",
    "updated_at": "evaluations_feedback.updated_at",
    "model_id": "evaluations_feedback.model_id",
    "rating": "evaluations_feedback.rating",
    "username": "a.name",
}
_AUTHOR: Final = (
    "a.name AS author_name, a.email AS author_email, a.role AS author_role, a.last_active_at AS author_last_active_at, "
    "a.updated_at AS author_updated_at, a.created_at AS author_created_at"
)
_PAGE: Final = (
    f"SELECT {_COLUMNS}, {_AUTHOR} FROM evaluations_feedback "  # noqa: S608 - names alone
    "JOIN portico_account a ON a.id = evaluations_feedback.user_id "
    "WHERE {} ORDER BY {} {direction}, evaluations_feedback.id {direction} "
    f"LIMIT {PAGE_SIZE} OFFSET $1"
)
_TOTAL: Final = "SELECT COUNT(*) AS number FROM evaluations_feedback WHERE {}"
_OWN: Final = (
    f"SELECT {_COLUMNS} FROM evaluations_feedback WHERE user_id = $1 AND {{}} "  # noqa: S608 - names alone
    f"ORDER BY updated_at DESC, id DESC LIMIT {MAX_OWN}"
)
_BLOCK: Final = (
    "SELECT {} FROM evaluations_feedback WHERE updated_at <= $1 AND (updated_at < $1 OR id < $2) AND {} "
    "ORDER BY updated_at DESC, id DESC LIMIT {}"
)
#: After every time and every id.
_BEGIN: Final = (2**62, "\U0010ffff")


class FeedbackLists:
    """Lists of ratings. The policies decide which of them an actor reads."""

    def __init__(self, app: AppContext, settings: EvaluationsSettings) -> None:
        self._permissions, self._settings = app.permissions, settings

    async def page(
        self, actor: Actor, page: int, order_by: FeedbackOrder, *, ascending: bool
    ) -> FeedbackPage:
        """Return a page of the ratings of all accounts; without an order, the newest first."""
        which = await self._permissions.where_allowed(actor, "read", KIND, 2)
        direction = "ASC" if ascending else "DESC"
        sql = _PAGE.format(which.sql, _ORDERS[order_by], direction=direction)
        rows = await fetch_all(sql, page_offset(page, PAGE_SIZE), *which.args)
        which = await self._permissions.where_allowed(actor, "read", KIND, whole=True)
        total = await fetch_one(_TOTAL.format(which.sql), *which.args)
        items = [AuthoredFeedback(**listed(row), user=_author(row)) for row in rows]
        return FeedbackPage(items=items, total=int(total["number"]) if total else 0)

    async def own(self, actor: Actor) -> list[AuthoredFeedback]:
        """Return the last ratings of the actor."""
        which = await self._permissions.where_allowed(actor, "read", KIND, 2)
        rows = await fetch_all_in_thread(_OWN.format(which.sql), actor.id, *which.args)
        return [AuthoredFeedback(**listed(row), user=None) for row in rows]

    async def all(self, actor: Actor) -> AsyncIterator[Sequence[ListedFeedback]]:
        """Return the last ratings of all accounts in blocks, without comments, as many as the settings say."""
        which = await self._permissions.where_allowed(actor, "read", KIND, 3, whole=True)
        rows = _blocks(_COLUMNS, which.sql, which.args, BLOCK_SIZE)
        return _light(rows, self._settings.max_listed, self._settings.max_listed_bytes)

    async def export(
        self, actor: Actor, *, with_snapshots: bool
    ) -> AsyncIterator[Sequence[ExportedFeedback]]:
        """Return the ratings of all accounts in blocks. A copy of a chat that the actor may not read is null."""
        which = await self._permissions.where_allowed(actor, "read", KIND, 3, whole=True)
        columns, args, size = f"{_COLUMNS}, NULL AS snapshot", which.args, BLOCK_SIZE
        if with_snapshots and await self._permissions.allows_on_collection(
            actor, KIND, "export_chats"
        ):
            chats = await self._permissions.allowed_column(
                actor, "read_chat", KIND, 3 + len(which.args)
            )
            columns = f"{_COLUMNS}, CASE WHEN {chats.sql} THEN snapshot END AS snapshot"
            args, size = (*which.args, *chats.args), EXPORT_BLOCK_SIZE
        return _exported(_blocks(columns, which.sql, args, size))


async def _blocks(
    columns: str, where: str, args: Sequence[Any], size: int
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield rows, the last changed first. Nothing is held between two blocks."""
    at, last = _BEGIN
    sql = _BLOCK.format(columns, where, size)
    while rows := await fetch_all_in_thread(sql, at, last, *args):
        yield rows
        at, last = rows[-1]["updated_at"], rows[-1]["id"]


async def _light(
    blocks: AsyncIterator[Sequence[dict[str, Any]]], max_items: int, max_bytes: int
) -> AsyncIterator[Sequence[ListedFeedback]]:
    async for rows in blocks:
        items: list[ListedFeedback] = []
        for row in rows:
            max_items -= 1
            max_bytes -= len(row["data"]) + len(row["meta"])
            if max_items < 0 or max_bytes < 0:
                yield items
                return
            items.append(ListedFeedback(**listed(row, is_light=True)))
        yield items


async def _exported(
    blocks: AsyncIterator[Sequence[dict[str, Any]]],
) -> AsyncIterator[Sequence[ExportedFeedback]]:
    async for rows in blocks:
        yield [ExportedFeedback(**listed(row), snapshot=_raw(row["snapshot"])) for row in rows]


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


def _author(row: dict[str, Any]) -> FeedbackAuthor:
    return FeedbackAuthor(
        id=row["user_id"],
        **{name: row[f"author_{name}"] for name in FeedbackAuthor.__struct_fields__[1:]},
    )
