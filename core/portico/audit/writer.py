"""Writes entries of the audit log, and knows by which account a change is made."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import msgspec

from portico.context import ContextValue
from portico.db import execute, now

#: The author of changes that no account makes: on the command line, in a policy file, by the server itself.
SYSTEM_AUTHOR = ""

_author: ContextVar[str] = ContextVar("portico_author", default=SYSTEM_AUTHOR)

#: The id of a changed resource, with its old and its new state.
Change: TypeAlias = tuple[str, Any, Any]

_COLUMNS: Final = ("at", "author", "event", "resource_kind", "resource_id", "old", "new")
_INSERT: Final = f"INSERT INTO portico_audit ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608
ROWS_PER_STATEMENT: Final = 100


def acting_as(account_id: str) -> ContextValue[str]:
    """Return a context in which changes are recorded as made by this account."""
    return ContextValue(_author, account_id)


def current_author() -> str:
    """Return the id of the account that makes changes here; empty = no account."""
    return _author.get()


async def record_change(
    event: str, resource_kind: str, resource_id: str, old: Any = None, new: Any = None
) -> None:
    """Write an entry. Call it inside the transaction that makes the change.

    `event`: what happened, such as `role.changed` or `group.created`. `old`, `new`: values that can be written as
    JSON, without secrets; None = nothing.
    """
    await record_many(event, resource_kind, [(resource_id, old, new)])


async def record_many(event: str, resource_kind: str, changes: Sequence[Change]) -> None:
    """Write an entry for each of many resources of one kind, in their order. One statement for each hundred."""
    at, author, width = now(), _author.get(), len(_COLUMNS)
    for start in range(0, len(changes), ROWS_PER_STATEMENT):
        values: list[Any] = []
        for resource_id, old, new in changes[start : start + ROWS_PER_STATEMENT]:
            values += (at, author, event, resource_kind, resource_id, _json(old), _json(new))
        numbers = [f"${number}" for number in range(1, len(values) + 1)]
        rows = (numbers[row : row + width] for row in range(0, len(numbers), width))
        await execute(_INSERT + ", ".join(f"({', '.join(row)})" for row in rows), *values)


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
