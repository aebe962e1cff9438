"""Runs work to completion although its caller is cancelled."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def run_to_completion(work: Awaitable[T]) -> T:
    """Wait until `work` ends. A cancellation in the meantime is raised after that."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    # Two kinds of cancellation exist: anyio repeats its own at every await until shielded; a plain
    # `cancel()` passes the shield and arrives once, and `wait` does not cancel the work then.
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # retrieve it so that asyncio does not log it: the caller gets the cancellation
    raise cancelled
