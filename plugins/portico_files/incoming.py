"""One file on its way into the store: counted, digested and inspected while it arrives."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from portico_files.content_type import ContentInspector
from portico_files.stores import NewObject

#: Bytes after which what has arrived is written.
WRITE_BYTES: Final = 1024 * 1024


class IncomingFile:
    """`size`: bytes that have arrived. Bytes are kept in memory until `is_due`, then `flush` writes them."""

    def __init__(self, stored: NewObject, threads: ThreadPoolExecutor) -> None:
        self._object, self._threads = stored, threads
        self._digest, self._inspector = hashlib.sha256(), ContentInspector()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.size = 0

    @property
    def is_due(self) -> bool:
        """Whether as much has arrived as is written at once."""
        return self._waiting_bytes >= WRITE_BYTES

    @property
    def is_text(self) -> bool:
        """Whether a model can read the content as text. Ask after `inspect`."""
        return self._inspector.is_text

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal digits."""
        return self._digest.hexdigest()

    def add(self, block: bytes) -> None:
        """Take over a block."""
        self.size += len(block)
        self._waiting.append(block)
        self._waiting_bytes += len(block)

    async def inspect(self, name: str) -> str:
        """Return the content type of the whole file, whose rest is still to be written. Raises: InvalidRequest."""
        data = self._take()
        await self._in_thread(self._read, data)
        self._waiting = [data]
        return self._inspector.close(name)

    async def flush(self, *, is_read: bool = False) -> None:
        """Write what has arrived. `is_read`: `inspect` has seen it. Raises: Unavailable."""
        data = self._take()
        await self._in_thread(self._write, data, is_read)

    async def keep(self) -> None:
        """Store the object. Raises: Unavailable."""
        await _to_its_end(self._object.keep())

    async def discard(self) -> None:
        """Free what is kept in this process, also if the caller is being cancelled."""
        await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._threads, self._object.discard)
        )

    def _take(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        return data

    def _read(self, data: bytes) -> None:
        self._digest.update(data)
        self._inspector.feed(data)

    def _write(self, data: bytes, is_read: bool) -> None:
        if not is_read:
            self._read(data)
        if data:
            self._object.write(data)

    async def _in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        loop = asyncio.get_running_loop()
        await _to_its_end(loop.run_in_executor(self._threads, work, *arguments))


async def _to_its_end(work: Awaitable[None]) -> None:
    """Await work that has ended when this returns, also if it is cancelled: nothing is stored after a `discard`."""
    running = asyncio.ensure_future(work)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # else it would be logged as one that was missed
        raise
