"""Ends calls of sources within a second of their cancellation, also those that ignore it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import structlog

from portico.catalogue import close_body
from portico.plugin_errors.plugin_exit import PluginExit, contained, is_failure

log = structlog.get_logger("portico.gateway")

T = TypeVar("T")

#: Seconds after which work that was cancelled is not waited for any more.
CANCEL_SECONDS = 1.0
#: How often it is cancelled in that time: some sources catch one cancellation and go on.
CANCELLATIONS = 4


async def bounded(work: Coroutine[Any, Any, T], source: str) -> T:
    """Return the result of `work`, run in a task of its own. If this is cancelled, `work` has a second to end.

    A result that comes later is closed.
    """
    task = asyncio.create_task(contained(work))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.add_done_callback(_dropped)
        await end(task, source)
        raise
    return task.result()


async def end(task: "asyncio.Future[Any]", source: str) -> None:
    """Cancel a task, and wait for its end for a second at most."""
    for _ in range(CANCELLATIONS):
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=CANCEL_SECONDS / CANCELLATIONS)
        if done:
            return
    log.warning("model source ignores that its call was cancelled", source=source)


class BoundedStream:
    """Async iterator of the blocks of `body`, which runs in a task of its own, one block ahead. Closing it takes a second at most."""

    def __init__(self, body: AsyncIterator[bytes], source: str) -> None:
        self._body, self._source = body, source
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(1)
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def __aiter__(self) -> "BoundedStream":
        return self

    async def __anext__(self) -> bytes:
        if self._task is None:
            if self._is_closed:
                raise StopAsyncIteration
            self._task = asyncio.create_task(self._pump())
        block = await self._blocks.get()
        if block is not None:
            self._room.release()
            return block
        self._blocks.put_nowait(None)
        await self._task
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the stream, and wait for the source for a second at most."""
        self._is_closed = True
        if self._task is not None and not self._task.done():
            self._task.add_done_callback(_dropped)
            await end(self._task, self._source)
        closing = asyncio.ensure_future(self._close())
        done, _ = await asyncio.wait({closing}, timeout=CANCEL_SECONDS)
        if not done:
            await end(closing, self._source)

    async def _pump(self) -> None:
        try:
            async for block in self._body:
                if self._is_closed:
                    break  # a source that ignored its cancellation
                await self._room.acquire()
                self._blocks.put_nowait(block)
        except (SystemExit, KeyboardInterrupt) as error:
            raise PluginExit from error
        finally:
            self._blocks.put_nowait(None)
            if self._is_closed:
                await self._close()

    async def _close(self) -> None:
        try:
            await close_body(self._body)
        except BaseException as error:  # it is running still, or fails: either way it was closed
            if not is_failure(error):
                raise


def _dropped(task: "asyncio.Future[Any]") -> None:
    """Close the result of a task for which no one waits, and note its error as seen."""
    if task.cancelled() or task.exception() is not None:
        return
    body = getattr(task.result(), "body", None)
    if hasattr(body, "aclose"):
        closing = asyncio.ensure_future(close_body(body))
        closing.add_done_callback(lambda one: one.cancelled() or one.exception())
