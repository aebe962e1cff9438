"""What plugins declare about their tasks, and what they raise in them."""

import inspect
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from portico.errors import DomainError

if TYPE_CHECKING:
    from portico.tasks.task_run import TaskRun


_NAME: Final = re.compile(r"[\w.-]+:[\w.:-]+", re.ASCII)
_MAX_NAME_CHARS: Final = 200
_LEAST: Final = {"time_limit": 0.01, "max_tries": 1, "backoff": 0.0, "every": 1.0}


class NoArguments(msgspec.Struct, frozen=True):
    """The arguments of a task that has none, such as a periodic one."""


@dataclass(frozen=True, slots=True)
class TaskType:
    """One kind of task, and the function that runs it.

    `name`: `<plugin>:<word>`, stored in each row, so it is never changed. `arguments`: a struct, stored as JSON. `run`
    is called with a `TaskRun` and the arguments, and may be called again after a failure or a crash: write in
    `TaskRun.completing`, or send `TaskRun.idempotency_key` to what is outside. What it returns is stored as JSON.

    `time_limit`: seconds; a try that takes longer is cancelled and has failed. `max_tries`: after so many failed tries the
    task has failed. `backoff`: seconds before the second try; they double with each further one, up to ten minutes.
    `every`: seconds between two runs of a periodic task, of all processes together; its arguments need defaults.
    """

    name: str
    arguments: type[msgspec.Struct]
    run: Callable[["TaskRun", Any], Awaitable[Any]]
    time_limit: float = 60.0
    max_tries: int = 5
    backoff: float = 2.0
    every: float | None = None

    @property
    def plugin(self) -> str:
        """The name of the plugin that runs it; `portico` for the core."""
        return self.name.partition(":")[0]

    def fault(self) -> str:
        """Return why it cannot be registered, as the rest of a sentence; empty if it can. Plugins may declare anything."""
        if not (isinstance(self.name, str) and _NAME.fullmatch(self.name)):
            return "needs a name like notes:export, of letters, digits and ._:-"
        if len(self.name) > _MAX_NAME_CHARS:
            return f"has a name of more than {_MAX_NAME_CHARS} characters"
        if not callable(self.run) or inspect.isasyncgenfunction(self.run):
            return "needs an async function as run, without yield"
        if not (isinstance(self.arguments, type) and issubclass(self.arguments, msgspec.Struct)):
            return "needs a msgspec.Struct as arguments"
        if self.every is not None and not _has_defaults(self.arguments):
            return "is periodic, and its arguments need defaults"
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if name == "every" and value is None:
                continue
            if not isinstance(value, int | float) or not math.isfinite(value) or value < least:
                return f"has {name} = {value!r}, which must be a number of at least {least:g}"
        return ""


def _has_defaults(arguments: type[msgspec.Struct]) -> bool:
    return not any(field.required for field in msgspec.structs.fields(arguments))


class TaskFailed(DomainError):
    """Raised by a task that must not be tried again. `detail`: the reason, a sentence for the task's owner."""

    default = "The task has failed."


class TaskLost(DomainError):
    """This try no longer owns its task: it was cancelled, deleted, or taken over by another process. Do nothing more."""

    default = "The task is no longer run here."
