"""Writing one entry, and knowing on whose behalf."""

from collections.abc import Collection, Sequence
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import msgspec

from portico.context import ContextValue
from portico.db import execute, fetch_all, now

#: The author of what no account did: the command line, a policy file that was edited, the server itself.
SYSTEM_AUTHOR = ""

_author: ContextVar[str] = ContextVar("portico_author", default=SYSTEM_AUTHOR)

#: What was changed, by its id; what it was and what it became.
Change: TypeAlias = tuple[str, Any, Any]

_COLUMNS: Final = ("at", "author", "what", "subject_kind", "subject_id", "was", "became")
_INSERT: Final = f"INSERT INTO portico_audit ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608
#: Entries in one statement.
ROWS: Final = 100


def acting_as(account_id: str) -> ContextValue[str]:
    """In here, what is changed is changed by this account."""
    return ContextValue(_author, account_id)


def current_author() -> str:
    """The account on whose behalf things are changed here; empty = no account's."""
    return _author.get()


async def record_change(
    event: str, resource_kind: str, resource_id: str, old: Any = None, new: Any = None
) -> None:
    """Note a change. Call it inside the transaction that makes the change.

    `what`: `role.changed`, `group.created`, …, a word for what happened. `was`, `became`: what can be written as
    JSON, without secrets; None = there was, or is, nothing.
    """
    await record_many(event, resource_kind, [(resource_id, old, new)])


async def record_many(what: str, subject_kind: str, changes: Sequence[Change]) -> None:
    """Note changes of many things of one kind, in their order. As `record`; one statement for each hundred."""
    at, by, wide = now(), _author.get(), len(_COLUMNS)
    for start in range(0, len(changes), ROWS):
        values: list[Any] = []
        for subject_id, was, became in changes[start : start + ROWS]:
            values += (at, by, what, subject_kind, subject_id, _json(was), _json(became))
        places = [f"${number}" for number in range(1, len(values) + 1)]
        each = (places[row : row + wide] for row in range(0, len(places), wide))
        await execute(_INSERT + ", ".join(f"({', '.join(one)})" for one in each), *values)


_NOTED: Final = (
    "SELECT number, was, became FROM portico_audit WHERE subject_kind = $1 AND subject_id = $2"
)
_REWRITE: Final = "UPDATE portico_audit SET was = $2, became = $3 WHERE number = $1"


async def drop_fields(subject_kind: str, subject_id: str, fields: Collection[str]) -> None:
    """Take fields, such as a name, out of everything noted about one subject. The entries stay.

    Call it inside the transaction that deletes the subject.
    """
    for entry in await fetch_all(_NOTED, subject_kind, subject_id):
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
