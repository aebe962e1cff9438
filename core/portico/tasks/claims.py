"""The statements by which a process takes tasks. One statement takes several; no two processes get the same one."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from portico.db import current_database, fetch_all, placeholders, with_clock
from portico.db.database import Row

# The due tasks of each name are found by one index seek each, so neither waiting tasks of unknown names nor a long queue of
# one name cost anything. Of the accounts that run as many tasks as they may, none are taken.
_DUE: Final = (
    "SELECT * FROM (SELECT id, user_id, run_at FROM portico_task WHERE status = 'pending' AND name = ${name} "
    "AND run_at <= {{clock}} - $4 AND (user_id IS NULL OR {running} < $2) ORDER BY run_at LIMIT $3) due_{name}"
)
_NAMED: Final = (
    "SELECT id, user_id, run_at FROM portico_task WHERE status = 'pending' AND name IN ({names}) AND id IN ({ids}) "
    "AND run_at <= {{clock}}"
)
_RUNNING: Final = (
    "(SELECT COUNT(*) FROM portico_task other WHERE other.user_id = {table}.user_id "
    "AND other.status IN ('pending', 'running') AND other.status = 'running')"
)
_RANKED: Final = (
    "SELECT id FROM (SELECT id, user_id, run_at, ROW_NUMBER() OVER (PARTITION BY COALESCE(user_id, id) ORDER BY run_at) "
    "AS place FROM ({candidates}) candidate) ranked WHERE user_id IS NULL OR place <= $2 - {running} "
    "ORDER BY run_at LIMIT $3"
)
_CLAIM: Final = (
    "UPDATE portico_task SET status = 'running', tries = tries + 1, claims = claims + 1, instance_id = $1, "
    "started_at = {{clock}} WHERE id {among} "
    "RETURNING id, name, user_id, item, arguments, tries, claims, progress_done, progress_total, progress_text"
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
    running = _RUNNING.format(table="portico_task")
    each = [_DUE.format(name=5 + number, running=running) for number in range(names)]
    return _claim(dialect, " UNION ALL ".join(each))


@lru_cache(maxsize=64)
def _claim_these(dialect: str, names: int, ids: int) -> str:
    return _claim(
        dialect,
        _NAMED.format(names=placeholders(names, 4), ids=placeholders(ids, 4 + names)),
    )


def _claim(dialect: str, candidates: str) -> str:
    ranked = _RANKED.format(candidates=candidates, running=_RUNNING.format(table="ranked"))
    free = _FREE.format(ranked=ranked, lock=_LOCK[dialect])
    return _CLAIM.format(among=_AMONG[dialect].format(free))
