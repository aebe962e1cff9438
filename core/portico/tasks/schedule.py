"""Periodic tasks: once per cluster. The process that moves the time of a row on creates the task, in the same transaction."""

from collections.abc import Iterable
from typing import Final

import msgspec

from portico.db import execute, fetch_all, fetch_one, placeholders, transaction, with_clock
from portico.tasks import store
from portico.tasks.task_type import TaskType

_KEY: Final = "periodic"
_ENSURE: Final = (
    "INSERT INTO portico_task_schedule (name, next_at) "
    "VALUES ($1, {clock} + CAST($2 AS DOUBLE PRECISION)) ON CONFLICT (name) DO NOTHING"
)
# A time that is further away than the interval was written before the clock was set back, or by another release.
_DUE: Final = "(next_at <= {clock} OR next_at > {clock} + CAST($2 AS DOUBLE PRECISION) + 1)"
_MOVE: Final = (
    "UPDATE portico_task_schedule SET next_at = {clock} + CAST($2 AS DOUBLE PRECISION) "  # noqa: S608
    f"WHERE name = $1 AND {_DUE} RETURNING task_id"
)
_DELETE_COMPLETED: Final = "DELETE FROM portico_task WHERE id = $1 AND status = 'completed'"
_SET_TASK: Final = "UPDATE portico_task_schedule SET task_id = $2 WHERE name = $1"
_TIMES: Final = (
    "SELECT name, next_at, {{clock}} AS clock FROM portico_task_schedule WHERE name IN ({names})"
)


async def add_to_schedule(types: Iterable[TaskType]) -> None:
    """Add the periodic types of these to the schedule. A new one runs for the first time after its interval."""
    for one in types:
        if one.every is not None:
            await execute(with_clock(_ENSURE), one.name, one.every)


async def create_due_tasks(types: Iterable[TaskType]) -> list[str]:
    """Create the tasks of the periodic types that are due, and return their ids. No other process creates them too."""
    periodic = {one.name: one for one in types if one.every is not None}
    if not periodic:
        return []
    rows = await fetch_all(with_clock(_TIMES.format(names=placeholders(len(periodic)))), *periodic)
    created = []
    for row in rows:
        every = periodic[row["name"]].every or 0.0
        if row["next_at"] <= row["clock"] or row["next_at"] > row["clock"] + every + 1:
            task_id = await _create(periodic[row["name"]], every)
            created += [task_id] if task_id else []
    return created


async def _create(task_type: TaskType, every: float) -> str | None:
    async with transaction():
        moved = await fetch_one(with_clock(_MOVE), task_type.name, every)
        if moved is None:
            return None
        if (last := moved["task_id"]) is not None:
            if await store.is_active(last):
                return None
            # One completed row of each type stays, to be looked at; failed ones stay as those of any other task.
            await execute(_DELETE_COMPLETED, last)
        task_id = await store.insert(
            task_type.name,
            msgspec.json.encode(task_type.arguments()).decode(),
            user_id=None,
            item="",
            key=_KEY,
            delay=0.0,
            max_per_account=0,
        )
        if task_id is not None:
            await execute(_SET_TASK, task_type.name, task_id)
        return task_id
