"""Writes audit entries, and knows the current author."""

from collections.abc import Collection, Sequence
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import msgspec

from portico.context import ContextValue
from portico.db import execute, fetch_all, now

#: Author of changes that no account made: by the command line, an edited policy file, or the server.
SYSTEM_AUTHOR = ""

_author: ContextVar[str] = ContextVar("portico_author", default=SYSTEM_AUTHOR)

#: Id of the changed resource, its old value and its new value.
Change: TypeAlias = tuple[str, Any, Any]

_COLUMNS: Final = ("at", "author", "what", "subject_kind", "subject_id", "was", "became")
_INSERT: Final = f"INSERT INTO portico_audit ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608
MAX_ROWS: Final = 100


def acting_as(account_id: str) -> ContextValue[str]:
    """Return a context manager in which changes are recorded for this account."""
    return ContextValue(_author, account_id)


def current_author() -> str:
    """Return the id of the account that is making changes; empty = none."""
    return _author.get()


async def record_change(
    event: str, resource_kind: str, resource_id: str, old: Any = None, new: Any = None
) -> None:
    """Record a change. Call it inside the transaction that makes the change.

    `event`: such as `role.changed` or `group.created`. `old`, `new`: values that can be encoded as JSON, without secrets;
    None = nothing before or after.
    """
    await record_many(event, resource_kind, [(resource_id, old, new)])


async def record_many(event: str, resource_kind: str, changes: Sequence[Change]) -> None:
    """Record changes of several resources of one kind, in their order. One statement for each hundred."""
    at, by, wide = now(), _author.get(), len(_COLUMNS)
    for start in range(0, len(changes), MAX_ROWS):
        values: list[Any] = []
        for subject_id, was, became in changes[start : start + MAX_ROWS]:
            values += (at, by, event, resource_kind, subject_id, _json(was), _json(became))
        places = [f"${number}" for number in range(1, len(values) + 1)]
        each = (places[row : row + wide] for row in range(0, len(places), wide))
        await execute(_INSERT + ", ".join(f"({', '.join(one)})" for one in each), *values)


_SELECT: Final = (
    "SELECT number, was, became FROM portico_audit WHERE subject_kind = $1 AND subject_id = $2"
)
_REWRITE: Final = "UPDATE portico_audit SET was = $2, became = $3 WHERE number = $1"


async def drop_fields(resource_kind: str, resource_id: str, fields: Collection[str]) -> None:
    """Remove fields, such as a name, from all entries about a resource. The entries stay.

    Call it inside the transaction that deletes the resource.
    """
    for entry in await fetch_all(_SELECT, resource_kind, resource_id):
        was, became = (_without(entry[column], fields) for column in ("was", "became"))
        if (was, became) != (entry["was"], entry["became"]):
            await execute(_REWRITE, entry["number"], was, became)


def _without(text: str | None, fields: Collection[str]) -> str | None:
    value = None if text is None else msgspec.json.decode(text)
    if not isinstance(value, dict) or not value.keys() & set(fields):
        return text
    return _json({name: one for name, one in value.items() if name not in fields})


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
