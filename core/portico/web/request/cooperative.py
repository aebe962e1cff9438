"""Yields to the event loop between two steps of work on large data."""

import asyncio
from typing import Final

#: Bytes that a step processes in about a millisecond.
LARGE_BYTES: Final = 256 * 1024


async def let_others_run(size: int) -> None:
    """Yield to other tasks after a step of work on `size` bytes, unless that is little."""
    if size > LARGE_BYTES:
        await asyncio.sleep(0)
