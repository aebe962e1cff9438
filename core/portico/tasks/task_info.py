"""A task as its owner and administrators see it."""

from typing import Any, Literal

import msgspec

from portico.db.database import Row

TaskStatus = Literal["pending", "running", "completed", "cancelled", "failed"]


class TaskProgress(msgspec.Struct, frozen=True):
    """How far a task is. `total`: 0 = not known."""

    done: int = 0
    total: int = 0
    text: str = ""


class TaskInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One task. Times are epoch seconds of the database's clock.

    `tries`: how often it was started. `run_at`: when it is, or was, due. `error`: why the last try failed, a sentence
    without secrets. `result`: JSON that the task has returned.
    """

    id: str
    name: str
    user_id: str | None
    item: str
    status: TaskStatus
    tries: int
    progress: TaskProgress
    created_at: float
    run_at: float
    started_at: float | None
    finished_at: float | None
    instance_id: str | None
    cancel_requested: bool
    error: str | None
    arguments: msgspec.Raw
    result: msgspec.Raw | None


def read_task(row: Row) -> TaskInfo:
    """Return the task of a row with all columns."""
    values: dict[str, Any] = {name: row[name] for name in TaskInfo.__struct_fields__ if name in row}
    result = row["result"]
    return TaskInfo(
        **values
        | {
            "progress": TaskProgress(
                row["progress_done"], row["progress_total"], row["progress_text"]
            ),
            "cancel_requested": bool(row["cancel_requested"]),
            "arguments": msgspec.Raw(row["arguments"]),
            "result": None if result is None else msgspec.Raw(result),
        }
    )
