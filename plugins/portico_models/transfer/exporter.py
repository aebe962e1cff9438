"""Export of models: JSON in blocks; each block is read when the one before has been sent.

Between two blocks no connection is in use and nothing is stored, so any number of models can be exported.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.db import chunks, fetch_all, placeholders
from portico.api.resources import is_storable
from portico_models.fields.schemas import Model, model_document
from portico_models.records.resource_kind import KIND

#: Rows in one block.
BLOCK_ROWS: Final = 200

_PAGE: Final = (
    "SELECT models_model.* FROM models_model WHERE {} AND (models_model.created_at, models_model.id) > "
    "({}, {}) ORDER BY models_model.created_at, models_model.id LIMIT {}"
)
_SOME: Final = "SELECT models_model.* FROM models_model WHERE {} AND models_model.id IN ({})"


class ModelExport:
    """Reads the models of an export, as `Model` on the wire, and as an import reads them."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._grants = app.permissions.grants

    async def presets(
        self, actor: Actor, ids: Sequence[str] | None = None
    ) -> AsyncIterator[list[Model]]:
        """Yield the presets in the actor's list that they may write, in blocks, with parameters.

        `ids`: only these, in this order; missing ones and those the actor may not write are skipped. None = all, oldest first.
        """
        permissions = self._app.permissions
        listed = await permissions.where_allowed(actor, "list", KIND)
        written = await permissions.where_allowed(actor, "write", KIND, first=len(listed.args) + 1)
        where = f"models_model.base_model_id IS NOT NULL AND ({listed.sql}) AND ({written.sql})"
        args = (*listed.args, *written.args)
        pages = self._pages(where, args) if ids is None else self._selected(where, args, ids)
        async for page in pages:
            yield await self._documents(page)

    async def all_presets(self) -> AsyncIterator[list[Model]]:
        """Yield all presets of all owners, oldest first, in blocks."""
        async for page in self._pages("models_model.base_model_id IS NOT NULL", ()):
            yield await self._documents(page)

    async def everything(self) -> AsyncIterator[list[Model]]:
        """Yield every model, overrides too, oldest first, in blocks."""
        async for page in self._pages("1 = 1", ()):
            yield await self._documents(page)

    async def count(self, *, presets_only: bool) -> int:
        """Return the number of models."""
        where = " WHERE base_model_id IS NOT NULL" if presets_only else ""
        (rows,) = await fetch_all(f"SELECT COUNT(*) AS n FROM models_model{where}")  # noqa: S608
        return int(rows["n"])

    async def _pages(self, where: str, args: Sequence[Any]) -> AsyncIterator[list[dict[str, Any]]]:
        sql = _PAGE.format(where, f"${len(args) + 1}", f"${len(args) + 2}", BLOCK_ROWS)
        last: tuple[int, str] = (-1, "")
        while True:
            page = await fetch_all(sql, *args, *last)
            if page:
                yield page
            if len(page) < BLOCK_ROWS:
                return
            last = (page[-1]["created_at"], page[-1]["id"])

    async def _selected(
        self, where: str, args: Sequence[Any], ids: Iterable[str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        wanted = [one for one in dict.fromkeys(ids) if is_storable(one)]
        for batch in chunks(wanted, BLOCK_ROWS):
            ids_list = placeholders(len(batch), first=len(args) + 1)
            rows = {
                one["id"]: one
                for one in await fetch_all(_SOME.format(where, ids_list), *args, *batch)
            }
            yield [rows[one] for one in batch if one in rows]

    async def _documents(self, page: list[dict[str, Any]]) -> list[Model]:
        shared = await self._grants.sharings_of(KIND, [one["id"] for one in page])
        return [model_document(one, shared.get(one["id"], self._grants.PRIVATE)) for one in page]
