"""Ends tasks on whichever instance runs them, and finds out that they have ended."""

import asyncio
from typing import Final

import msgspec

from portico.db import execute, with_clock
from portico.instances import InstanceChannel
from portico.tasks import store
from portico.tasks.executor import Interruption, TaskExecutor

TOPIC: Final = "tasks"
#: Seconds for which a caller waits for the end of a task that runs elsewhere.
CONFIRM_SECONDS: Final = 5.0
#: Seconds between two looks at the row, in case no message comes.
_LOOK_SECONDS: Final = 0.5
_CANCEL_PENDING: Final = "UPDATE portico_task SET status = 'cancelled', finished_at = {clock} WHERE id = $1 AND status = 'pending'"
_REQUEST: Final = (
    "UPDATE portico_task SET cancel_requested = TRUE WHERE id = $1 AND status = 'running'"
)


class CancelTask(msgspec.Struct, tag="cancel"):
    """Asks the instance that runs a task to end it."""

    id: str


class TaskEnded(msgspec.Struct, tag="ended"):
    """A task whose end was requested has ended."""

    id: str


class TasksWait(msgspec.Struct, tag="wait"):
    """Tasks are due that the sender cannot run now."""


class TaskCancellation:
    """Ends tasks. Messages make it quick; the column `cancel_requested` makes it certain."""

    def __init__(self, channel: InstanceChannel, executor: TaskExecutor) -> None:
        self._channel, self._executor = channel, executor
        self._waiting: dict[str, asyncio.Event] = {}

    async def cancel(self, task_id: str) -> bool:
        """End a task. Return whether it runs no more; False if that was requested, but not confirmed in time."""
        while not await execute(_REQUEST, task_id):
            if await execute(with_clock(_CANCEL_PENDING), task_id):
                return True
            if not await store.is_active(task_id):
                return True  # it has ended meanwhile
        active = self._executor.interrupt(task_id, Interruption.CANCELLED)
        if active is None:
            self._channel.publish(TOPIC, msgspec.msgpack.encode(CancelTask(task_id)))
            return await self._wait_for_end(task_id)
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await active.ended.wait()
        except TimeoutError:
            pass
        return not await store.is_active(task_id)

    def receive(self, message: CancelTask | TaskEnded) -> None:
        """Handle a message of another instance."""
        if isinstance(message, CancelTask):
            self._executor.interrupt(message.id, Interruption.CANCELLED)
        elif (event := self._waiting.get(message.id)) is not None:
            event.set()

    def confirm(self, task_id: str) -> None:
        """Tell the other instances that a task has ended here."""
        self._channel.publish(TOPIC, msgspec.msgpack.encode(TaskEnded(task_id)))

    async def _wait_for_end(self, task_id: str) -> bool:
        """Wait for the end of a task elsewhere, but not too long. Return whether it runs no more, which the row alone says."""
        ended = self._waiting.setdefault(task_id, asyncio.Event())
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while await store.is_active(task_id):
                    await _wait_a_little(ended)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(task_id, None)
        return True


async def _wait_a_little(ended: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await ended.wait()
            ended.clear()
    except TimeoutError:
        return
