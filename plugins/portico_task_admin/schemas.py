"""JSON bodies of the routes of tasks."""

import msgspec

from portico.api.tasks import TaskInfo, TaskProgress, TaskStatus


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """One task, as it is shown. Times are epoch seconds, with a fraction.

    `name`: `<plugin>:<word>`. `user_id`: null = the server itself. `item`: what it is about, such as the id of a chat.
    `tries`: how often it was started. `run_at`: when it is due, or was. `cancel_requested`: it is to end, and has not yet.
    `error`: why the last try failed.
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
    cancel_requested: bool
    error: str | None

    @classmethod
    def of(cls, info: TaskInfo) -> "TaskView":
        """Return what is shown of a task: not its arguments and result, which may be texts of its owner."""
        return cls(**{name: getattr(info, name) for name in cls.__struct_fields__})


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks, newest first. `next`: the value of `before` for older ones; null = there are none."""

    tasks: list[TaskView]
    next: str | None
