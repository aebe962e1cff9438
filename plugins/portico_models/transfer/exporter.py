"""Models on their way out: JSON in blocks of bytes, each of which is read when the one before has been sent.

No connection is held and nothing is kept between two blocks, so it does not matter how many models there are.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from portico.api import Actor, AppContext, chunks, fetch_all, placeholders
from portico_models.model_ids import may_exist
from portico_models.records import KIND
from portico_models.schemas import Model, document

#: Rows in one block.
BLOCK: Final = 200

_PAGE: Final = (
    "SELECT models_model.* FROM models_model WHERE {} AND (models_model.created_at, models_model.id) > "
    "({}, {}) ORDER BY models_model.created_at, models_model.id LIMIT {}"
)
_SOME: Final = "SELECT models_model.* FROM models_model WHERE {} AND models_model.id IN ({})"


class ModelExport:
    """What leaves the house, as `Model` on the wire, and what `import` takes in."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._grants = app.permissions.grants

    async def presets(
        self, actor: Actor, ids: Sequence[str] | None = None
    ) -> AsyncIterator[list[Model]]:
        """The presets that somebody works with and may write, in blocks. They come with their parameters.

        `ids`: only these, in this order; those that are not there or not theirs are left out. None = all, oldest
        first.
        """
        permissions = self._app.permissions
        listed = await permissions.where_allowed(actor, "list", KIND)
        written = await permissions.where_allowed(actor, "write", KIND, first=len(listed.args) + 1)
        which = f"models_model.base_model_id IS NOT NULL AND ({listed.sql}) AND ({written.sql})"
        args = (*listed.args, *written.args)
        pages = self._pages(which, args) if ids is None else self._some(which, args, ids)
        async for page in pages:
            yield await self._shown(page)

    async def all_presets(self) -> AsyncIterator[list[Model]]:
        """Every preset, whosever it is, oldest first, in blocks."""
        async for page in self._pages("models_model.base_model_id IS NOT NULL", ()):
            yield await self._shown(page)

    async def everything(self) -> AsyncIterator[list[Model]]:
        """Every record, overrides too, oldest first, in blocks."""
        async for page in self._pages("1 = 1", ()):
            yield await self._shown(page)

    async def count(self, *, presets_only: bool) -> int:
        """How many records there are."""
        which = " WHERE base_model_id IS NOT NULL" if presets_only else ""
        (found,) = await fetch_all(f"SELECT COUNT(*) AS n FROM models_model{which}")  # noqa: S608
        return int(found["n"])

    async def _pages(self, which: str, args: Sequence[Any]) -> AsyncIterator[list[dict[str, Any]]]:
        sql = _PAGE.format(which, f"${len(args) + 1}", f"${len(args) + 2}", BLOCK)
        last: tuple[int, str] = (-1, "")
        while True:
            page = await fetch_all(sql, *args, *last)
            if page:
                yield page
            if len(page) < BLOCK:
                return
            last = (page[-1]["created_at"], page[-1]["id"])

    async def _some(
        self, which: str, args: Sequence[Any], ids: Iterable[str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        wanted = [one for one in dict.fromkeys(ids) if may_exist(one)]
        for some in chunks(wanted, BLOCK):
            places = placeholders(len(some), first=len(args) + 1)
            found = {
                one["id"]: one for one in await fetch_all(_SOME.format(which, places), *args, *some)
            }
            yield [found[one] for one in some if one in found]

    async def _shown(self, page: list[dict[str, Any]]) -> list[Model]:
        shared = await self._grants.sharings_of(KIND, [one["id"] for one in page])
        return [document(one, shared.get(one["id"], self._grants.PRIVATE)) for one in page]
