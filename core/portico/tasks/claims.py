"""The statements by which a process takes tasks. One statement takes several; no two processes get the same one."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from portico.db import current_database, fetch_all, placeholders, with_clock
from portico.db.database import Row
from portico.tasks.store import name_rows

# How many tasks of each account run now, of accounts with any. There are no more rows than slots in all processes.
_RUNNING: Final = (
    "SELECT user_id, COUNT(*) AS tasks FROM portico_task WHERE status = 'running' GROUP BY user_id "
    "HAVING user_id IS NOT NULL"
)
# The due tasks of each name are found by one index seek each, so neither waiting tasks of unknown names nor a long queue of
# one name cost anything. Of the accounts that run as many tasks as they may, none are taken.
_DUE: Final = (
    "SELECT id, user_id, run_at FROM portico_task WHERE status = 'pending' AND name = {name} "
    "AND run_at <= {{clock}} - $4 AND (user_id IS NULL OR user_id NOT IN "
    "(SELECT user_id FROM ({running}) busy WHERE tasks >= $2)) ORDER BY run_at LIMIT $3"
)
# SQLite has no LATERAL; PostgreSQL would plan a UNION of thirty queries for longer than it runs them.
_EACH: Final = "SELECT * FROM ({due}) due_{number}"
_LATERAL: Final = "SELECT due.* FROM ({names}) known CROSS JOIN LATERAL ({due}) due"
_NAMED: Final = (
    "SELECT id, user_id, run_at FROM portico_task WHERE status = 'pending' AND name IN ({names}) AND id IN ({ids}) "
    "AND run_at <= {{clock}}"
)
_RANKED: Final = (
    "SELECT id FROM (SELECT id, user_id, run_at, ROW_NUMBER() OVER (PARTITION BY COALESCE(user_id, id) ORDER BY run_at) "
    "AS place FROM ({candidates}) candidate) ranked LEFT JOIN ({running}) account ON account.user_id = ranked.user_id "
    "WHERE ranked.user_id IS NULL OR place + COALESCE(account.tasks, 0) <= $2 ORDER BY run_at LIMIT $3"
)
_CLAIM: Final = (
    "UPDATE portico_task SET status = 'running', tries = tries + 1, claims = claims + 1, instance_id = $1, "
    "started_at = {{clock}} WHERE id {among} "
    "RETURNING id, name, user_id, item, arguments, tries, claims, progress_done, progress_total, progress_text, "
    "run_at, started_at, traceparent"
)
_FREE: Final = "SELECT id FROM portico_task WHERE id IN ({ranked}) AND status = 'pending'{lock}"
# PostgreSQL evaluates an ARRAY once; it might evaluate the query of an IN, and lock rows, several times.
_AMONG: Final = {"sqlite": "IN ({})", "postgres": "= ANY(ARRAY({}))"}
_LOCK: Final = {"sqlite": "", "postgres": " FOR UPDATE SKIP LOCKED"}


async def claim_due(
    instance_id: str, names: Sequence[str], max_running: int, limit: int, min_age: float = 0.0
) -> list[Row]:
    """Mark up to `limit` due tasks of these names as running here, the longest due first, and return them.

    `max_running`: how many tasks of one account may run at once. `min_age`: seconds for which they must have been due.
    """
    if not names:
        return []
    sql = with_clock(_claim_due(current_database().dialect, len(names)))
    return await fetch_all(sql, instance_id, max_running, limit, min_age, *names)


async def claim_these(
    instance_id: str, names: Sequence[str], max_running: int, ids: Iterable[str]
) -> list[Row]:
    """As `claim_due`, of these tasks only: those that are due, of these names, and of accounts that may run more."""
    wanted = list(ids)
    if not names or not wanted:
        return []
    sql = with_clock(_claim_these(current_database().dialect, len(names), len(wanted)))
    return await fetch_all(sql, instance_id, max_running, len(wanted), *names, *wanted)


@lru_cache(maxsize=64)
def _claim_due(dialect: str, names: int) -> str:
    if dialect == "postgres":
        due = _DUE.format(name="known.name", running=_RUNNING)
        return _claim(dialect, _LATERAL.format(names=name_rows(names, 5), due=due))
    numbers = range(5, 5 + names)
    each = [_DUE.format(name=f"${number}", running=_RUNNING) for number in numbers]
    found = [
        _EACH.format(due=due, number=number) for number, due in zip(numbers, each, strict=True)
    ]
    return _claim(dialect, " UNION ALL ".join(found))


@lru_cache(maxsize=64)
def _claim_these(dialect: str, names: int, ids: int) -> str:
    return _claim(
        dialect,
        _NAMED.format(names=placeholders(names, 4), ids=placeholders(ids, 4 + names)),
    )


def _claim(dialect: str, candidates: str) -> str:
    ranked = _RANKED.format(candidates=candidates, running=_RUNNING)
    free = _FREE.format(ranked=ranked, lock=_LOCK[dialect])
    return _CLAIM.format(among=_AMONG[dialect].format(free))
