"""Storing records one by one in one transaction, so that one that cannot be stored costs no other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from portico.db import (
    ForeignKeyViolation,
    UniqueViolation,
    chunks,
    fetch_all,
    placeholders,
    transaction,
)
from portico.errors import DomainError
from portico.transfer.outcome import Outcome, rejected, skipped
from portico.transfer.record_reader import ReadRecord
from portico.web.request.import_errors import ItemError

T = TypeVar("T", bound=msgspec.Struct)


async def store_each(
    read: Sequence[ReadRecord[T]],
    outcomes: dict[int, Outcome],
    store: Callable[[T], Awaitable[Outcome]],
    *,
    id_field: str = "id",
) -> None:
    """Store records in one transaction, each in a savepoint, and add their outcomes by place.

    A record whose id or name is taken, whose owner is deleted meanwhile, or for which `store` raises a DomainError, is not
    taken; the others are.
    """
    async with transaction():
        for place, record in read:
            record_id = str(getattr(record, id_field))
            try:
                async with transaction():
                    outcomes[place] = await store(record)
            except UniqueViolation:
                outcomes[place] = skipped(record_id, "its id or its name is taken here")
            except ForeignKeyViolation:
                outcomes[place] = skipped(record_id, "its owner was deleted during the import")
            except DomainError as error:
                outcomes[place] = rejected(record_id, reason_of(error))


def reason_of(error: DomainError) -> str:
    """Return why a record was rejected, in words."""
    return ItemError(0, None, error).reason.removeprefix("[ERROR: ").removesuffix("]")


async def owners_here(table: str, ids: Sequence[str], *, owner: str = "user_id") -> dict[str, str]:
    """Return the owners of those rows of a table that exist here, by the ids of the rows. `owner`: its column."""
    found: dict[str, str] = {}
    for some in chunks(ids):
        sql = f"SELECT id, {owner} AS owner FROM {table} WHERE id IN ({placeholders(len(some))})"  # noqa: S608
        found |= {row["id"]: row["owner"] for row in await fetch_all(sql, *some)}
    return found
