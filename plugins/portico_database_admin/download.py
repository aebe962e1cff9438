"""Downloads of the database: who may, one at a time, in blocks."""

import asyncio
import os
from typing import BinaryIO, Final
from weakref import ReferenceType, ref

from portico.api import AppContext, Forbidden, RateLimited
from portico.api.audit import record_change
from portico.api.auth import Actor
from portico.api.db import current_database, transaction

BLOCK_BYTES: Final = 256 * 1024
#: Seconds after which a client that met another download may try again.
RETRY_SECONDS: Final = 30


class CopyBlocks:
    """The bytes of a copy, as the body of a response. `size`: bytes. Closing it deletes the copy."""

    def __init__(self, copy: BinaryIO) -> None:
        self._copy = copy
        self.size = os.fstat(copy.fileno()).st_size

    @property
    def is_closed(self) -> bool:
        """Whether the copy is gone."""
        return self._copy.closed

    def __aiter__(self) -> "CopyBlocks":
        return self

    async def __anext__(self) -> bytes:
        block = await asyncio.to_thread(self._copy.read, BLOCK_BYTES)
        if not block:
            raise StopAsyncIteration
        return block

    async def aclose(self) -> None:
        """Delete the copy. Called however the response ends."""
        self._copy.close()


class DatabaseDownload:
    """Makes copies of the database. Each takes as much space on the disk as the database, so there is one at a time."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._is_copying = False
        self._sent: ReferenceType[CopyBlocks] | None = None

    async def start(self, actor: Actor) -> CopyBlocks:
        """Return a copy, and record that this actor takes it.

        Raises: Forbidden if the actor may not read all chats; RateLimited during another download; InvalidRequest if
        the database is no SQLite file, or the disk is too full.
        """
        await self._check(actor)
        sent = self._sent() if self._sent else None
        if self._is_copying or (sent is not None and not sent.is_closed):
            raise RateLimited(RETRY_SECONDS)
        self._is_copying = True
        try:
            copy = CopyBlocks(await current_database().open_copy())
        finally:
            self._is_copying = False
        self._sent = ref(copy)
        try:
            async with transaction():
                await record_change(
                    "database.downloaded", "database", "", None, {"bytes": copy.size}
                )
        except BaseException:
            await copy.aclose()
            raise
        return copy

    async def _check(self, actor: Actor) -> None:
        """Raises: Forbidden. The copy has all chats, so the actor must be allowed to read them."""
        reads_chats = actor.is_admin and self._app.settings.access.admin_chat_access
        if not (
            reads_chats or await self._app.permissions.allows_on_collection(actor, "chat", "read")
        ):
            raise Forbidden
