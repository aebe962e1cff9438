"""Work on large chats in a thread, so that the event loop serves other requests in the meantime."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, ParamSpec, TypeVar

import msgspec

from portico.api.db import MAX_IDS_PER_STATEMENT, chunks

P = ParamSpec("P")
T = TypeVar("T")

#: Characters from which on work takes a few milliseconds. Smaller work is done at once: a thread would make the loop
#: wait up to five milliseconds for the interpreter lock.
LARGE_CHARS: Final = 512 * 1024
#: Rows of a large chat that are read at once. PostgreSQL may sort all remaining rows for each page; other databases
#: do not.
PAGE_ROWS: Final = {"sqlite": 500, "postgres": 5000}


async def off_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of `work`. `size`: characters that it processes. It must not use the database."""
    if size < LARGE_CHARS:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def size_of(raw: msgspec.Raw) -> int:
    """Return the bytes of JSON."""
    return memoryview(raw).nbytes


async def in_turns(
    values: Sequence[T], size: int = MAX_IDS_PER_STATEMENT
) -> AsyncIterator[Sequence[T]]:
    """Yield chunks as `chunks` does, with a turn for other requests between two: SQLite works on the event loop."""
    for number, some in enumerate(chunks(values, size)):
        if number:
            await asyncio.sleep(0)
        yield some
