"""How a runner learns of a task that is due."""

from typing import Protocol


class TaskDelivery(Protocol):
    """Tells a runner that a task is pending. The row is the truth: a delivery may be lost, repeated or late."""

    def deliver(self, task_id: str, claims: int, delay: float) -> None:
        """Have a runner look at a task `delay` seconds from now. Never blocks and never raises.

        `claims`: how often the task was claimed before; together with the id it names one period of waiting. Called on the
        event loop, after the commit.
        """
        ...
