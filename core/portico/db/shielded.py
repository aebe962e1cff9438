"""Seeing a piece of work through although its caller is cancelled."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def run_to_completion(work: Awaitable[T]) -> T:
    """Wait for `work` to end; a cancellation that arrives meanwhile is raised only then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    # Two kinds of cancellation exist: anyio repeats its own at every await until shielded; a plain
    # `cancel()` passes the shield and arrives once, and `wait` leaves the work alone when it does.
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # marks it as seen: the cancellation is what the caller hears of
    raise cancelled
