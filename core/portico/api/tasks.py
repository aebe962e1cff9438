"""Durable background tasks: the types that a plugin registers, what runs them, and `app.tasks`, which creates them.

Constants, types and decorators:

    TaskStatus  `pending`, `running`, `completed`, `cancelled` or `failed`.
"""

from portico.tasks import (
    NoArguments,
    TaskFailed,
    TaskInfo,
    TaskLost,
    TaskProgress,
    TaskRun,
    Tasks,
    TaskStatus,
    TaskType,
)

__all__ = [
    "NoArguments",
    "TaskFailed",
    "TaskInfo",
    "TaskLost",
    "TaskProgress",
    "TaskRun",
    "TaskStatus",
    "TaskType",
    "Tasks",
]
