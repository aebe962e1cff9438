"""Versions of models: rows that are written in the transaction of each change."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    placeholder_rows,
    placeholders,
)

CreationKind: TypeAlias = Literal["created", "restored"]
ChangeKind: TypeAlias = (
    CreationKind | Literal["updated", "toggled", "inherited", "unshared", "deleted", "imported"]
)

_NUMBERS = "SELECT model_id, MAX(number) AS number FROM models_version WHERE model_id IN ({}) GROUP BY model_id"
_COLUMNS = ("model_id", "number", "at", "author", "change", "owner_id", "document")
_INSERT = f"INSERT INTO models_version ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608
# Numbers grow by one, so versions this far behind the newest one exceed the limit.
_PRUNE = (
    "DELETE FROM models_version WHERE model_id IN ({}) AND number <= (SELECT MAX(newest.number) "
    "FROM models_version newest WHERE newest.model_id = models_version.model_id) - {}"
)
_SUMMARY = "v.model_id, v.number, v.at, v.author, v.change, v.owner_id, author.name AS author_name"
_FROM = "FROM models_version v LEFT JOIN portico_account author ON author.id = v.author WHERE v.model_id = $1"
# An author who uses the id of another user's deleted model does not see the versions of that model.
_CREATION_NUMBER = (
    "SELECT MAX(number) AS number FROM models_version WHERE model_id = $1 AND change = 'created'"
)


class PreviousVersion(msgspec.Struct, frozen=True):
    """A model before a change. `document`: JSON text; None if it did not exist. `owner_id`: its owner."""

    model_id: str
    owner_id: str
    document: str | None


class VersionStore:
    """The versions of models. `max_versions`: how many are stored for each model; 0 = none."""

    def __init__(self, max_versions: int) -> None:
        self._max_versions = max_versions

    async def record(
        self, change: ChangeKind, versions: Sequence[PreviousVersion], *, by: str, at: int
    ) -> None:
        """Store versions. Call it in the transaction of the change, with each id once."""
        for batch in chunks(versions, MAX_ROWS_PER_STATEMENT):
            ids = [version.model_id for version in batch]
            if not self._max_versions:
                ids_list = placeholders(len(ids))
                await execute(f"DELETE FROM models_version WHERE model_id IN ({ids_list})", *ids)  # noqa: S608
                continue
            numbers = await self._numbers(ids)
            values: list[Any] = []
            for version in batch:
                number = numbers.get(version.model_id, 0) + 1
                values += (
                    version.model_id,
                    number,
                    at,
                    by,
                    change,
                    version.owner_id,
                    version.document,
                )
            await execute(_INSERT.format(placeholder_rows(len(batch), len(_COLUMNS))), *values)
            await self._prune([one for one in ids if numbers.get(one, 0) >= self._max_versions])

    async def page(
        self, model_id: str, since: int, *, offset: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Return versions from number `since` on, newest first and without documents, and their total number."""
        found = await fetch_all(
            f"SELECT {_SUMMARY} {_FROM} AND v.number >= $2 ORDER BY v.number DESC LIMIT $3 OFFSET $4",  # noqa: S608
            model_id,
            since,
            limit,
            offset,
        )
        counted = await fetch_one(
            "SELECT COUNT(*) AS total FROM models_version WHERE model_id = $1 AND number >= $2",
            model_id,
            since,
        )
        return found, counted["total"] if counted else 0

    async def one(self, model_id: str, number: int) -> dict[str, Any] | None:
        """Return a version with its document."""
        return await fetch_one(
            f"SELECT {_SUMMARY}, v.document {_FROM} AND v.number = $2",  # noqa: S608
            model_id,
            number,
        )

    async def last(self, model_id: str) -> dict[str, Any] | None:
        """Return the newest version."""
        return await fetch_one(
            f"SELECT {_SUMMARY} {_FROM} ORDER BY v.number DESC LIMIT 1",  # noqa: S608
            model_id,
        )

    async def created_at_number(self, model_id: str) -> int:
        """Return the number of the last version with the change `created`; 0 if it is not stored."""
        found = await fetch_one(_CREATION_NUMBER, model_id)
        return (found and found["number"]) or 0

    async def delete_of_owner(self, owner_id: str) -> None:
        """Delete the versions of an owner's models."""
        await execute("DELETE FROM models_version WHERE owner_id = $1", owner_id)

    async def _numbers(self, ids: Iterable[str]) -> dict[str, int]:
        ids = list(ids)
        found = await fetch_all(_NUMBERS.format(placeholders(len(ids))), *ids)
        return {one["model_id"]: one["number"] for one in found}

    async def _prune(self, ids: Sequence[str]) -> None:
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            max_versions = f"${len(batch) + 1}"
            await execute(
                _PRUNE.format(placeholders(len(batch)), max_versions), *batch, self._max_versions
            )
