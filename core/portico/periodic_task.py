"""Work that is repeated in the background."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from portico.errors import error_location
from portico.plugin_errors.plugin_exit import is_failure

log = structlog.get_logger("portico.periodic_task")


class PeriodicTask:
    """Runs `work` every `interval` seconds in a background task, or earlier after `wake()`. One run at a time.

    A run that raises is logged as `background task failed` with `name`; failed runs that follow it are logged at debug
    only, until one succeeds. The task goes on in any case.
    """

    def __init__(
        self,
        name: str,
        interval: float | Callable[[], float],
        work: Callable[[], Awaitable[object]],
        *,
        delay: float = 0.0,
    ) -> None:
        """`interval`: seconds between two runs, and before the first. `delay`: seconds from `wake()` to the run."""
        self.name = name
        self._interval = interval
        self._work = work
        self._delay = delay
        self._woken = asyncio.Event()
        self._has_failed = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the background task. Needs a running loop, and the current database if `work` uses one."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> bool:
        """Cancel the background task and wait for its end. Return whether it had been started."""
        task, self._task = self._task, None
        if task is None:
            return False
        task.cancel()
        await asyncio.wait({task})
        return True

    def wake(self) -> None:
        """Run the work after `delay` seconds, without waiting for the interval to end."""
        self._woken.set()

    async def attempt(self, work: Callable[[], Awaitable[object]] | None = None) -> bool:
        """Await the work (or another) now; log it if it fails. Return whether it succeeded."""
        try:
            await (work or self._work)()
        except BaseException as error:  # whatever it is, the next run may succeed
            if not is_failure(error):
                raise
            write = log.debug if self._has_failed else log.warning
            self._has_failed = True
            write(
                "background task failed",
                task=self.name,
                error=type(error).__name__,
                at=error_location(error),
            )
            return False
        self._has_failed = False
        return True

    async def _run(self) -> None:
        while True:
            interval = self._interval() if callable(self._interval) else self._interval
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._woken.wait()
                await asyncio.sleep(self._delay)
            self._woken.clear()
            await self.attempt()
