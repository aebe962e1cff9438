"""Room on the event loop between two steps of work on something large."""

import asyncio
from typing import Final

#: Bytes that a step works through in a millisecond or so.
LARGE_BYTES: Final = 256 * 1024


async def let_others_run(size: int) -> None:
    """After a step of work on so many bytes: let whoever waits have the loop, unless it was a small one."""
    if size > LARGE_BYTES:
        await asyncio.sleep(0)
