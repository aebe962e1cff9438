"""Kinds of tasks for tests, registered in a running application."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from portico.tasks import TaskRun, TaskType
from portico.testing import InProcessApp


class Work(msgspec.Struct):
    """The arguments of these tasks."""

    label: str = ""


class TaskKinds:
    """Registers kinds of tasks in an application. Their names begin with `test:`."""

    def __init__(self, app: InProcessApp) -> None:
        self.app = app
        self.types: dict[str, TaskType] = dict(app.portico.tasks.types)

    def add(
        self, word: str, run: Callable[[TaskRun, Work], Awaitable[Any]], **limits: Any
    ) -> TaskType:
        """Register a kind of task that is tried again at once."""
        made = TaskType(f"test:{word}", Work, run, **({"backoff": 0.0} | limits))
        self.types[made.name] = made
        self.app.portico.tasks.set_types(list(self.types.values()))
        return made

    def remove(self, word: str) -> None:
        """Forget a kind of task, as if its plugin were not loaded."""
        del self.types[f"test:{word}"]
        self.app.portico.tasks.set_types(list(self.types.values()))


@pytest.fixture
def kinds(app: InProcessApp) -> TaskKinds:
    """Registers kinds of tasks in `app`."""
    return TaskKinds(app)
