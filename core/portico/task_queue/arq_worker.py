"""arq's worker, made to survive what others write to its keys, and to hold no job longer than its row takes to claim.

A job ends as soon as its row is claimed, so a killed worker leaves nothing behind that others have to wait for, and the
queue has only what no worker has looked at. How many tasks run at once is decided by the free slots of the runner.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.worker import Worker, func
from redis.exceptions import RedisError, ResponseError

from portico.errors import Unavailable, error_location
from portico.redis import cancel_tasks
from portico.task_queue.job_signature import FUNCTION
from portico.task_queue.queue import TaskQueue
from portico.tasks import TaskRunner

#: Seconds between two readings of the queue, if a message about a new entry is lost.
POLL_SECONDS: Final = 0.5
#: Seconds that a claim may take.
CLAIM_SECONDS: Final = 5.0
#: Seconds between two writes of arq's own record of this worker.
RECORD_SECONDS: Final = 15.0
#: Errors of Redis, after which a new worker is started.
QUEUE_ERRORS: Final = (RedisError, OSError, TimeoutError)
_JOB_ID: Final = re.compile(rb"[0-9A-Za-z_-]{1,100}-[0-9]{1,10}")
log = structlog.get_logger("portico.tasks")


def is_damaged(error: Exception) -> bool:
    """Return whether a command failed because a key has a value of another type."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


class QueueWorker(Worker):
    """Reads the queue until it fails or is cancelled. `main` is to be awaited.

    `woken`: set when there is something new, or a slot is free.
    """

    def __init__(self, queue: TaskQueue, runner: TaskRunner, woken: asyncio.Event) -> None:
        logging.getLogger("arq").setLevel(logging.WARNING)
        claim: Any = self._claim  # arq's type has names for the arguments
        super().__init__(
            [func(claim, name=FUNCTION, keep_result=0)],
            queue_name=queue.name,
            redis_pool=queue.client,
            handle_signals=False,
            max_jobs=runner.concurrency,
            job_timeout=CLAIM_SECONDS,
            keep_result=0,
            poll_delay=POLL_SECONDS,
            health_check_interval=RECORD_SECONDS,
            health_check_key=f"{queue.name}:worker:{runner.instance_id}",
            job_serializer=queue.signer.dump,
            job_deserializer=queue.signer.load,
            log_results=False,
        )
        self._queue, self._runner, self._woken = queue, runner, woken
        self._claiming = asyncio.Lock()
        self._ids: set[str] = set()

    async def main(self) -> None:
        """Read the queue, when it is woken and twice a second. Raises: QUEUE_ERRORS."""
        while True:
            self._woken.clear()
            self.max_jobs = self._runner.free_slots if self._runner.is_running else 0
            await self._poll_iteration()
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def end(self) -> None:
        """Cancel the jobs that are being claimed. What they have claimed runs."""
        jobs = list(self.tasks.values())
        await cancel_tasks(jobs)
        for job in jobs:
            if not job.cancelled():
                job.exception()

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start these jobs. Those whose id no server has written are discarded."""
        forged = [one for one in job_ids if not _JOB_ID.fullmatch(one)]
        if forged:
            self._queue.signer.reject("job with an invalid id discarded")
            await self.pool.zrem(self.queue_name, *forged)
        await super().start_jobs([one for one in job_ids if _JOB_ID.fullmatch(one)])

    async def run_job(self, job_id: str, score: int) -> None:
        """Run one job. If its keys are not what arq has written, it is discarded."""
        try:
            await super().run_job(job_id, score)
        except ResponseError as error:
            if not is_damaged(error):
                raise
            self._queue.signer.reject("job with damaged keys discarded")
            prefixes = (job_key_prefix, retry_key_prefix, in_progress_key_prefix)
            await self.pool.delete(*(prefix + job_id for prefix in prefixes))
            await self.pool.zrem(self.queue_name, job_id)

    async def _claim(self, _: Mapping[Any, Any], task_id: str) -> None:
        """Claim the task of a job, if it is due and this process may run it. The only function that jobs can call."""
        if not task_id:
            return  # not signed
        self._ids.add(task_id)
        try:
            async with self._claiming:  # one statement for all that have come meanwhile
                ids, self._ids = self._ids, set()
                if ids:
                    await self._runner.claim(ids)
        except Unavailable:
            return  # the sweep finds it
        except Exception as error:  # noqa: BLE001 - the next job must be taken
            log.error(
                "task not claimed",
                task=task_id,
                error=type(error).__name__,
                at=error_location(error),
            )
