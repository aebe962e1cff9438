"""Tables of tasks, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, DoublePrecision, Text
from piccolo.table import Table

from portico.db import Retention, TableSet


class TaskTable(Table, tablename="portico_task"):
    """One row for each task. `arguments` and `result` are JSON; times are epoch seconds of the database's clock."""

    id = Text(primary_key=True, default="")
    name = Text()
    user_id = Text(null=True)
    item = Text()
    arguments = Text()
    unique_key = Text(null=True)
    status = Text()
    tries = BigInt()
    claims = BigInt()
    created_at = DoublePrecision()
    queued_at = DoublePrecision()
    run_at = DoublePrecision()
    started_at = DoublePrecision(null=True)
    finished_at = DoublePrecision(null=True)
    instance_id = Text(null=True)
    cancel_requested = Boolean()
    progress_done = BigInt()
    progress_total = BigInt()
    progress_text = Text()
    error = Text(null=True)
    result = Text(null=True)
    traceparent = Text(null=True)


class TaskScheduleTable(Table, tablename="portico_task_schedule"):
    """When each periodic task is due next, and the task that was created last."""

    name = Text(primary_key=True, default="")
    next_at = DoublePrecision()
    task_id = Text(null=True)


TABLES = TableSet(tables=(TaskTable, TaskScheduleTable), migrations="portico.tasks.migrations")


def task_retentions(keep_days: int, keep_failed_days: int) -> list[Retention]:
    """Return after how many days rows of tasks that have ended are deleted."""
    return [
        Retention("portico_task", "finished_at", keep_days, "status IN ('completed', 'cancelled')"),
        Retention("portico_task", "finished_at", keep_failed_days, "status = 'failed'"),
    ]
