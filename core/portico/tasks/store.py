"""The statements of tasks, except those by which a process takes them.

What a run writes about its task has a condition: the row is running, here, and was not claimed since. So a process that was
thought dead changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from portico.db import (
    UniqueViolation,
    execute,
    fetch_all,
    fetch_one,
    new_id,
    placeholders,
    with_clock,
)
from portico.db.database import Row
from portico.tasks.task_info import TaskProgress, TaskStatus
from portico.tracing import current_traceparent

_ACTIVE: Final = "status IN ('pending', 'running')"
# Values in a SELECT have no column from which PostgreSQL could take their types.
_INSERT: Final = (
    "INSERT INTO portico_task (id, name, user_id, item, arguments, unique_key, status, tries, claims, created_at, "  # noqa: S608
    "queued_at, run_at, cancel_requested, progress_done, progress_total, progress_text, traceparent) "
    "SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), "
    "'pending', 0, 0, {clock}, {clock}, {clock} + CAST($7 AS DOUBLE PRECISION), FALSE, 0, 0, '', CAST($9 AS TEXT) "
    f"WHERE CAST($3 AS TEXT) IS NULL OR (SELECT COUNT(*) FROM portico_task WHERE user_id = $3 AND {_ACTIVE}) "
    "< CAST($8 AS BIGINT) "
    "ON CONFLICT (name, unique_key) WHERE status = 'pending' AND unique_key IS NOT NULL DO NOTHING RETURNING id"
)
_WAITING: Final = (
    "SELECT id FROM portico_task WHERE name = $1 AND unique_key = $2 AND status = 'pending'"
)
_STATUS: Final = "SELECT status FROM portico_task WHERE id = $1"
_ACTIVE_COUNT: Final = (
    f"SELECT COUNT(*) AS tasks FROM portico_task WHERE user_id = $1 AND {_ACTIVE}"  # noqa: S608
)
_OWNED: Final = "WHERE id = $1 AND instance_id = $2 AND claims = $3 AND status = 'running'"
_FINISH: Final = (
    "UPDATE portico_task SET status = $4, finished_at = {clock}, error = $5, result = $6, progress_done = $7, "  # noqa: S608
    f"progress_total = $8, progress_text = $9 {_OWNED}"
)
# A task whose end was requested meanwhile is not tried again.
_REQUEUE: Final = (
    "UPDATE portico_task SET status = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'pending' END, "  # noqa: S608
    "finished_at = CASE WHEN cancel_requested THEN {clock} END, "
    "queued_at = {clock}, run_at = {clock} + CAST($4 AS DOUBLE PRECISION), "
    f"tries = tries - $5, error = $6, instance_id = NULL, started_at = NULL{{key}} {_OWNED} RETURNING status"
)
_PROGRESS: Final = (
    f"UPDATE portico_task SET progress_done = $4, progress_total = $5, progress_text = $6 {_OWNED}"  # noqa: S608
)
_RESULT: Final = (
    "UPDATE portico_task SET result = $4 "
    "WHERE id = $1 AND instance_id = $2 AND claims = $3 AND status = 'completed'"
)
_RUNNING: Final = (
    "SELECT id, name, user_id, item, tries, claims, instance_id, cancel_requested, progress_done, progress_total, "
    "progress_text FROM portico_task WHERE status = 'running' AND instance_id "
)
_OWN: Final = _RUNNING + "= $1"
_LOST: Final = _RUNNING + "NOT IN ({ids}) LIMIT 200"
_OLDEST: Final = (
    "SELECT MIN((SELECT MIN(run_at) FROM portico_task WHERE status = 'pending' AND name = known.name)) "
    "FROM ({names}) known"
)
_POLL: Final = (
    "SELECT {{clock}} AS clock, ({oldest}) AS next_at, "
    "(SELECT MIN(next_at) FROM portico_task_schedule WHERE name IN ({names})) AS schedule_at, "
    "EXISTS (SELECT 1 FROM portico_task WHERE status = 'running' AND instance_id NOT IN ({ids})) AS has_lost"
)
_CORRECT: Final = (
    "UPDATE portico_task SET run_at = {clock} + (run_at - queued_at), queued_at = {clock} "
    "WHERE status = 'pending' AND queued_at > {clock} + 1"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A try of a task that this process has taken: what its statements need. `claims`: as in the row."""

    id: str
    instance_id: str
    claims: int


class Poll(NamedTuple):
    """What there is to do. Times are of the database's clock; None = nothing waits.

    `next_at`: when the next pending task is due. `schedule_at`: when the next periodic task is. `has_lost`: whether tasks
    of instances that are not alive wait to be taken over.
    """

    clock: float
    next_at: float | None
    schedule_at: float | None
    has_lost: bool


async def insert(
    name: str,
    arguments: str,
    *,
    user_id: str | None,
    item: str,
    key: str,
    delay: float,
    max_per_account: int,
) -> str | None:
    """Insert a pending task and return its id. None: one with this key waits already, or the account has too many.

    Raises: ForeignKeyViolation if there is no such account.
    """
    row = await fetch_one(
        with_clock(_INSERT),
        new_id(),
        name,
        user_id,
        item,
        arguments,
        key or None,
        delay,
        max_per_account,
        current_traceparent() or None,
    )
    return row["id"] if row else None


async def waiting_with_key(name: str, key: str) -> str | None:
    """Return the id of the pending task of this name and key."""
    row = await fetch_one(_WAITING, name, key)
    return row["id"] if row else None


async def is_active(task_id: str) -> bool:
    """Return whether a task waits or runs. False also if there is none."""
    row = await fetch_one(_STATUS, task_id)
    return row is not None and row["status"] in {"pending", "running"}


async def poll(names: Sequence[str], live_ids: Iterable[str]) -> Poll:
    """Return what there is to do, for tasks of these names. `live_ids`: the instances that are alive."""
    ids = sorted(live_ids)
    row = await fetch_one(with_clock(_poll(len(names), len(ids))), *names, *ids)
    if row is None:
        raise LookupError("a SELECT without FROM has returned no row")
    return Poll(row["clock"], row["next_at"], row["schedule_at"], bool(row["has_lost"]))


@lru_cache(maxsize=64)
def _poll(names: int, ids: int) -> str:
    return _POLL.format(
        oldest=_OLDEST.format(names=name_rows(names)),
        names=placeholders(names),
        ids=placeholders(ids, names + 1),
    )


def name_rows(count: int, first: int = 1) -> str:
    """Return a SELECT of so many values as rows with the column `name`. `first`: the number of the first placeholder."""
    return " UNION ALL ".join(
        f"SELECT CAST(${number} AS TEXT) AS name" for number in range(first, first + count)
    )


async def correct_times() -> int:
    """Make tasks wait no longer than they were to, after the clock of the database was set back."""
    return await execute(with_clock(_CORRECT))


async def finish(
    claim: Claim,
    status: str,
    progress: TaskProgress,
    *,
    error: str | None = None,
    result: str | None = None,
) -> bool:
    """Write the end of a task, if this try still owns it. Return whether it did."""
    return bool(
        await execute(
            with_clock(_FINISH),
            claim.id,
            claim.instance_id,
            claim.claims,
            status,
            error,
            result,
            progress.done,
            progress.total,
            progress.text,
        )
    )


async def requeue(
    claim: Claim, delay: float, *, error: str | None, counts: bool
) -> TaskStatus | None:
    """Make a task pending again, `delay` seconds from now, if this try still owns it: cancelled, if that was requested.

    `counts`: whether the try that has ended counts as one. Return the status; None if the try does not own the task.
    """
    values = (claim.id, claim.instance_id, claim.claims, delay, 0 if counts else 1, error)
    try:
        row = await fetch_one(with_clock(_REQUEUE.replace("{key}", "")), *values)
    except UniqueViolation:  # a later one with the same key waits
        row = await fetch_one(with_clock(_REQUEUE.replace("{key}", ", unique_key = NULL")), *values)
    return row["status"] if row else None


async def set_progress(claim: Claim, progress: TaskProgress) -> bool:
    """Write how far a task is, if this try still owns it. Return whether it did."""
    return bool(
        await execute(
            _PROGRESS,
            claim.id,
            claim.instance_id,
            claim.claims,
            progress.done,
            progress.total,
            progress.text,
        )
    )


async def set_result(claim: Claim, result: str) -> None:
    """Write the result of a task that this try has completed."""
    await execute(_RESULT, claim.id, claim.instance_id, claim.claims, result)


async def running_at(instance_id: str) -> list[Row]:
    """Return the tasks that are marked as running at an instance."""
    return await fetch_all(_OWN, instance_id)


async def of_other_instances(live_ids: Iterable[str]) -> list[Row]:
    """Return running tasks of instances that are not among these, at most 200."""
    ids = sorted(live_ids)
    return await fetch_all(_LOST.format(ids=placeholders(len(ids))), *ids)


async def has_too_many(user_id: str, limit: int) -> bool:
    """Return whether so many tasks of an account wait or run."""
    row = await fetch_one(_ACTIVE_COUNT, user_id)
    return row is not None and row["tasks"] >= limit
