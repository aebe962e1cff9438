"""Counts of the tasks that a process has run since its start, for operators."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from portico.metrics import Histogram
from portico.tasks.task_info import TaskStatus

_SECONDS: Final = (0.1, 1.0, 5.0, 30.0, 120.0, 600.0)
_WAITS: Final = (0.1, 0.5, 2.0, 10.0, 60.0, 300.0)


@dataclass(slots=True)
class TaskCounters:
    """The tries of one type of task. `waits`: seconds between when one was due and its start; `seconds`: until it ended.

    `ended`: by the status of the task afterwards; a try after which it is `pending` has failed, or its process stopped.
    """

    plugin: str
    waits: Histogram = field(default_factory=lambda: Histogram(_WAITS))
    seconds: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    ended: defaultdict[TaskStatus, int] = field(default_factory=lambda: defaultdict(int))
