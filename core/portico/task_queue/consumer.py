"""Takes tasks from the queue in a worker process, and goes on when Redis or arq fail."""

import asyncio
from typing import Final

import structlog

from portico.errors import error_location
from portico.redis import RedisUnavailable, cancel_tasks
from portico.task_queue.queue import TaskQueue
from portico.tasks import TaskRunner

#: Seconds between two looks whether Redis is back.
AWAY_SECONDS: Final = 0.5
#: Seconds before arq is started again after an error, at first and at most.
RESTART_SECONDS: Final = 0.5
MAX_RESTART_SECONDS: Final = 10.0
#: Seconds for which a task must have been due before the sweep claims it: its entry in the queue comes first.
SWEEP_AFTER_SECONDS: Final = 1.0
log = structlog.get_logger("portico.tasks")


class QueueConsumer:
    """Runs arq in the background, and claims each task that it names. While Redis is away, the sweep finds all tasks."""

    def __init__(self, queue: TaskQueue, runner: TaskRunner) -> None:
        self._queue, self._runner = queue, runner
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        #: Whether entries of the queue arrive.
        self.is_connected = False

    @property
    def sweep_after(self) -> float:
        """Seconds for which a task must have been due before the sweep claims it."""
        return SWEEP_AFTER_SECONDS if self.is_connected else 0.0

    def start(self) -> None:
        """Begin to take tasks. Needs the current database."""
        self._runner.on_free_slot = self._woken.set
        self._queue.redis.listen(self._queue.news, lambda _: self._woken.set())
        self._task = asyncio.create_task(self._supervise(), name="task queue")

    async def stop(self) -> None:
        """Take no further tasks. Those that were taken go on."""
        task, self._task = self._task, None
        if task is not None:
            await cancel_tasks([task])

    async def _supervise(self) -> None:
        from portico.task_queue.arq_worker import QUEUE_ERRORS, QueueWorker, is_damaged

        wait = RESTART_SECONDS
        while True:
            await self._wait_for_redis()
            worker = QueueWorker(self._queue, self._runner, self._woken)
            started = asyncio.get_running_loop().time()
            try:
                self.is_connected = True
                await worker.main()
            except QUEUE_ERRORS as error:
                if is_damaged(error):
                    await self._discard_queue()
                log.warning(
                    "queue of tasks interrupted; tasks are taken from the database meanwhile",
                    error=type(error).__name__,
                )
                await self._check_redis()
            except Exception as error:  # noqa: BLE001 - arq must not end the worker
                log.error(
                    "queue of tasks failed and is started again",
                    error=type(error).__name__,
                    at=error_location(error),
                )
            finally:
                self.is_connected = False
                await worker.end()
            if asyncio.get_running_loop().time() - started > MAX_RESTART_SECONDS:
                wait = RESTART_SECONDS
            await asyncio.sleep(wait)
            wait = min(wait * 2, MAX_RESTART_SECONDS)

    async def _wait_for_redis(self) -> None:
        if not self._queue.redis.is_unavailable:
            return
        log.warning("redis is away; tasks are taken from the database until it is back")
        while self._queue.redis.is_unavailable:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(AWAY_SECONDS)
        log.info("tasks are taken from redis again")

    async def _check_redis(self) -> None:
        """Find out whether Redis answers."""
        try:
            await self._queue.redis.run(lambda client: client.ping())
        except RedisUnavailable:
            return

    async def _discard_queue(self) -> None:
        """Delete a queue that another program has replaced by something else."""
        self._queue.signer.reject("queue of tasks was no queue and is discarded")
        try:
            await self._queue.redis.run(lambda client: client.delete(self._queue.name))
        except RedisUnavailable:
            return
