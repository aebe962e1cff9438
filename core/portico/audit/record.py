"""Writing one entry, and knowing on whose behalf."""

from contextvars import ContextVar
from typing import Any

import msgspec

from portico.db import execute, now
from portico.within import Within

#: The author of what no account did: the command line, a policy file that was edited, the server itself.
SYSTEM = ""

_author: ContextVar[str] = ContextVar("portico_author", default=SYSTEM)

_INSERT = (
    "INSERT INTO portico_audit (at, author, what, subject_kind, subject_id, was, became) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


def acting(account_id: str) -> Within[str]:
    """In here, what is changed is changed by this account."""
    return Within(_author, account_id)


def author() -> str:
    """The account on whose behalf things are changed here; empty = no account's."""
    return _author.get()


async def record(
    what: str, subject_kind: str, subject_id: str, was: Any = None, became: Any = None
) -> None:
    """Note a change. Call it inside the transaction that makes the change.

    `what`: `role.changed`, `group.created`, …, a word for what happened. `was`, `became`: what can be written as
    JSON, without secrets; None = there was, or is, nothing.
    """
    await execute(
        _INSERT, now(), _author.get(), what, subject_kind, subject_id, _json(was), _json(became)
    )


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
