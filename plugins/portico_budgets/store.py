"""The SQL statements of budgets. Each change counts up the revision, by which other processes notice it."""

from collections.abc import Sequence
from typing import Any, Final

from portico.api.db import (
    chunks,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    now,
    placeholders,
)
from portico_budgets.budget import Budget, Subject

_COUNT_UP: Final = "UPDATE budgets_revision SET revision = revision + 1 WHERE id = 1"
_REVISION: Final = "SELECT revision FROM budgets_revision WHERE id = 1"
_ALL: Final = "SELECT * FROM budgets_budget ORDER BY created_at, id"
_FIND: Final = "SELECT * FROM budgets_budget WHERE id = $1"
_FIND_SAME: Final = "SELECT * FROM budgets_budget WHERE subject_kind = $1 AND subject_id = $2 AND unit = $3 AND period = $4"
_OF_SUBJECT: Final = "SELECT * FROM budgets_budget WHERE subject_kind = $1 AND subject_id = $2"
_INSERT: Final = (
    "INSERT INTO budgets_budget "
    "(id, subject_kind, subject_id, unit, period, amount, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"
)
_UPDATE: Final = "UPDATE budgets_budget SET amount = $2, updated_at = $3 WHERE id = $1"
_LOCK_COUNTERS: Final = (
    "SELECT 1 FROM budgets_counter WHERE budget_id IN ({}) ORDER BY budget_id, period_start"
)
_DELETE: Final = (
    "DELETE FROM budgets_budget WHERE id IN ({})",
    "DELETE FROM budgets_part WHERE budget_id IN ({})",
    "DELETE FROM budgets_counter WHERE budget_id IN ({})",
)


async def revision() -> int:
    """Return a number that grows with every change."""
    found = await fetch_one(_REVISION)
    return int(found["revision"]) if found else 0


async def count_up() -> None:
    """Count a change. The first statement of every transaction that changes budgets, so that they wait for each other."""
    await execute(_COUNT_UP)


async def all_budgets() -> list[Budget]:
    """Return all budgets, oldest first."""
    return [_budget(row) for row in await fetch_all_in_thread(_ALL)]


async def find(budget_id: str) -> Budget | None:
    """Return a budget."""
    if "\x00" in budget_id:
        return None
    row = await fetch_one(_FIND, budget_id)
    return _budget(row) if row else None


async def find_same(budget: Budget) -> Budget | None:
    """Return the budget with the same subject, unit and period."""
    subject = budget.subject
    row = await fetch_one(_FIND_SAME, subject.kind, subject.id, budget.unit, budget.period or "")
    return _budget(row) if row else None


async def of_subject(subject: Subject) -> list[Budget]:
    """Return the budgets of a subject."""
    return [_budget(row) for row in await fetch_all(_OF_SUBJECT, subject.kind, subject.id)]


async def insert(budget: Budget) -> None:
    """Store a new budget."""
    subject = budget.subject
    await execute(
        _INSERT,
        budget.id,
        subject.kind,
        subject.id,
        budget.unit,
        budget.period or "",
        budget.amount,
        budget.created_at,
    )


async def update(budget_id: str, amount: int) -> None:
    """Store another limit."""
    await execute(_UPDATE, budget_id, amount, now())


async def delete(budget_ids: Sequence[str]) -> None:
    """Delete budgets and what was counted for them. The counters are locked in the order in which calls lock them."""
    lock = " FOR UPDATE" if current_database().dialect == "postgres" else ""
    for some in chunks(budget_ids):
        await fetch_all(_LOCK_COUNTERS.format(placeholders(len(some))) + lock, *some)
        for statement in _DELETE:
            await execute(statement.format(placeholders(len(some))), *some)


def _budget(row: dict[str, Any]) -> Budget:
    return Budget(
        id=row["id"],
        subject=Subject(row["subject_kind"], row["subject_id"]),
        unit=row["unit"],
        period=row["period"] or None,
        amount=row["amount"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
