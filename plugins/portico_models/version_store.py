"""What records were before each of their changes: rows, written in the transaction of the change."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from portico.api import (
    MAX_ROWS_PER_STATEMENT,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    placeholder_rows,
    placeholders,
)

#: Versions on one page.
PAGE: Final = 30

CreationKind: TypeAlias = Literal["created", "restored"]
ChangeKind: TypeAlias = (
    CreationKind | Literal["updated", "toggled", "inherited", "unshared", "deleted", "imported"]
)

_NUMBERS = "SELECT model_id, MAX(number) AS number FROM models_version WHERE model_id IN ({}) GROUP BY model_id"
_COLUMNS = ("model_id", "number", "at", "author", "change", "owner_id", "document")
_INSERT = f"INSERT INTO models_version ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608
# Numbers are counted up, so whatever is this far behind the newest is more than are kept.
_PRUNE = (
    "DELETE FROM models_version WHERE model_id IN ({}) AND number <= (SELECT MAX(newest.number) "
    "FROM models_version newest WHERE newest.model_id = models_version.model_id) - {}"
)
_SUMMARY = "v.model_id, v.number, v.at, v.author, v.change, v.owner_id, who.name AS author_name"
_FROM = (
    "FROM models_version v LEFT JOIN portico_account who ON who.id = v.author WHERE v.model_id = $1"
)
# Somebody who is given an id that was another's once is not given what the other one had under it.
_BIRTH = (
    "SELECT MAX(number) AS number FROM models_version WHERE model_id = $1 AND change = 'created'"
)


class PreviousVersion(msgspec.Struct, frozen=True):
    """What one record was before a change. `document`: JSON text; None if there was none. `owner_id`: whose it was."""

    model_id: str
    owner_id: str
    document: str | None


class History:
    """The versions of records. `kept`: how many of each model; 0 = none."""

    def __init__(self, kept: int) -> None:
        self._kept = kept

    async def note(
        self, change: ChangeKind, pasts: Sequence[PreviousVersion], *, by: str, at: int
    ) -> None:
        """Keep what these records were. Call it in the transaction of the change, with each id once."""
        for some in chunks(pasts, MAX_ROWS_PER_STATEMENT):
            ids = [past.model_id for past in some]
            if not self._kept:
                within = placeholders(len(ids))
                await execute(f"DELETE FROM models_version WHERE model_id IN ({within})", *ids)  # noqa: S608
                continue
            numbers = await self._numbers(ids)
            values: list[Any] = []
            for past in some:
                number = numbers.get(past.model_id, 0) + 1
                values += (past.model_id, number, at, by, change, past.owner_id, past.document)
            await execute(_INSERT.format(placeholder_rows(len(some), len(_COLUMNS))), *values)
            await self._prune([one for one in ids if numbers.get(one, 0) >= self._kept])

    async def page(self, model_id: str, since: int, skip: int) -> tuple[list[dict[str, Any]], int]:
        """Versions from number `since` on, newest first and without their documents, and how many there are."""
        found = await fetch_all(
            f"SELECT {_SUMMARY} {_FROM} AND v.number >= $2 ORDER BY v.number DESC LIMIT $3 OFFSET $4",  # noqa: S608
            model_id,
            since,
            PAGE,
            skip,
        )
        counted = await fetch_one(
            "SELECT COUNT(*) AS total FROM models_version WHERE model_id = $1 AND number >= $2",
            model_id,
            since,
        )
        return found, counted["total"] if counted else 0

    async def one(self, model_id: str, number: int) -> dict[str, Any] | None:
        """A version with its document."""
        return await fetch_one(
            f"SELECT {_SUMMARY}, v.document {_FROM} AND v.number = $2",  # noqa: S608
            model_id,
            number,
        )

    async def last(self, model_id: str) -> dict[str, Any] | None:
        """The newest version."""
        return await fetch_one(
            f"SELECT {_SUMMARY} {_FROM} ORDER BY v.number DESC LIMIT 1",  # noqa: S608
            model_id,
        )

    async def birth(self, model_id: str) -> int:
        """The number under which the record that has, or had, this id last was made; 0 if that is not kept."""
        found = await fetch_one(_BIRTH, model_id)
        return (found and found["number"]) or 0

    async def forget(self, owner_id: str) -> None:
        """Drop what was kept of somebody's models."""
        await execute("DELETE FROM models_version WHERE owner_id = $1", owner_id)

    async def _numbers(self, ids: Iterable[str]) -> dict[str, int]:
        ids = list(ids)
        found = await fetch_all(_NUMBERS.format(placeholders(len(ids))), *ids)
        return {one["model_id"]: one["number"] for one in found}

    async def _prune(self, ids: Sequence[str]) -> None:
        for some in chunks(ids, MAX_ROWS_PER_STATEMENT):
            kept = f"${len(some) + 1}"
            await execute(_PRUNE.format(placeholders(len(some)), kept), *some, self._kept)
