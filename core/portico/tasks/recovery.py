"""Takes over the tasks of instances that are not alive any more."""

from collections.abc import Mapping
from typing import Final

import structlog

from portico.db.database import Row
from portico.instances import InstanceChannel
from portico.tasks import store
from portico.tasks.executor import CRASHED, AnnounceFn, backoff_seconds
from portico.tasks.store import Claim
from portico.tasks.task_info import TaskProgress, TaskStatus
from portico.tasks.task_run import TaskRun
from portico.tasks.task_type import TaskType

#: Minimum seconds before a task is tried again whose process has ended. The task may be the cause, and a supervisor gives up
#: on a process that ends twice within less time.
CRASH_DELAY_SECONDS: Final = 6.0
log = structlog.get_logger("portico.tasks")


async def take_over_lost_tasks(
    channel: InstanceChannel, types: Mapping[str, TaskType], announce: AnnounceFn
) -> int:
    """Make the running tasks of dead instances pending, or cancelled, or failed after their last try. Return how many."""
    rows = await store.of_other_instances(channel.live_ids)
    # Asked after the rows were read: an instance that has just started is known then.
    await channel.find_peers()
    taken = 0
    for row in rows:
        if row["instance_id"] in channel.live_ids:
            continue
        status = await take_over(row, types)
        if status is not None:
            taken += 1
            log.warning(
                "task interrupted", name=row["name"], task=row["id"], instance=row["instance_id"]
            )
            claim = Claim(row["id"], row["instance_id"], row["claims"])
            announce(TaskRun(row, claim, lambda _: None), status)
    return taken


async def take_over(row: Row, types: Mapping[str, TaskType]) -> TaskStatus | None:
    """Make one running task pending, or cancelled, or failed. Return the status; None if another instance was faster."""
    claim = Claim(row["id"], row["instance_id"], row["claims"])
    task_type = types.get(row["name"])
    if (
        task_type is not None
        and row["tries"] >= task_type.max_tries
        and not row["cancel_requested"]
    ):
        progress = TaskProgress(row["progress_done"], row["progress_total"], row["progress_text"])
        return "failed" if await store.finish(claim, "failed", progress, error=CRASHED) else None
    backoff = backoff_seconds(task_type, row["tries"]) if task_type is not None else 0.0
    delay = max(backoff, CRASH_DELAY_SECONDS)
    return await store.requeue(claim, delay, error=CRASHED, counts=True)
