"""Durable background tasks: rows whose effect happens exactly once, the runner of this process, periodic tasks."""

from portico.tasks.delivery import TaskDelivery
from portico.tasks.runner import TaskRunner
from portico.tasks.tables import TABLES, task_retentions
from portico.tasks.task_info import TaskInfo, TaskProgress, TaskStatus
from portico.tasks.task_run import TaskRun
from portico.tasks.task_type import NoArguments, TaskFailed, TaskLost, TaskType
from portico.tasks.tasks import Tasks

__all__ = [
    "TABLES",
    "NoArguments",
    "TaskDelivery",
    "TaskFailed",
    "TaskInfo",
    "TaskLost",
    "TaskProgress",
    "TaskRun",
    "TaskRunner",
    "TaskStatus",
    "TaskType",
    "Tasks",
    "task_retentions",
]
