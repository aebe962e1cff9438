"""Work on large chats, done in a thread: the event loop serves other requests meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, ParamSpec, TypeVar

import msgspec

from portico.api import MAX_IDS_PER_STATEMENT, chunks

P = ParamSpec("P")
T = TypeVar("T")

#: Characters from which on work takes a few milliseconds. What takes less is done at once: the loop would have to ask
#: for the interpreter's lock, for which the thread makes it wait up to five.
LARGE_CHARS: Final = 512 * 1024
#: Rows of a large chat that are read at once. PostgreSQL may sort all that are left for each page, elsewhere.
PAGE_ROWS: Final = {"sqlite": 500, "postgres": 5000}


async def off_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns. `size`: characters that it has to do with. It must not use the database."""
    if size < LARGE_CHARS:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def size_of(raw: msgspec.Raw) -> int:
    """Bytes of JSON."""
    return memoryview(raw).nbytes


async def in_turns(
    values: Sequence[T], size: int = MAX_IDS_PER_STATEMENT
) -> AsyncIterator[Sequence[T]]:
    """As `chunks`, with a turn for other requests between two: SQLite works on the event loop."""
    for number, some in enumerate(chunks(values, size)):
        if number:
            await asyncio.sleep(0)
        yield some
