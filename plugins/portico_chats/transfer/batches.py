"""Import of a large file from the command line: in short transactions, between which other requests write and sign in.

The id of an imported chat is derived from its text in the file, so a second run of the same file continues where
the first one stopped, and imports nothing twice.
"""

import asyncio
import hashlib
import time
import uuid
from collections import Counter, deque
from typing import Final, NamedTuple

from portico.api.db import chunks, fetch_all, now, placeholders, transaction
from portico_chats.transfer.examination import FilePosition, read_again
from portico_chats.transfer.imported_chat import ImportedChat
from portico_chats.transfer.importer import ChatImport
from portico_chats.transfer.reports import ChatImportReport, ImportedChatReport

#: Chats, bytes and seconds of one transaction; a single chat may take more.
BATCH_CHATS: Final = 100
BATCH_BYTES: Final = 2 * 1024 * 1024
BATCH_SECONDS: Final = 0.2
#: Seconds between two transactions. SQLite lets other processes ask for the lock at least this often.
PAUSE_SECONDS: Final = 0.12

_THERE: Final = "SELECT id FROM chats_chat WHERE id IN ({})"


class _Ready(NamedTuple):
    """A chat that was read and is to be written. `chat_id`: its new id, the same in every run."""

    line: ImportedChatReport
    place: FilePosition
    one: ImportedChat
    chat_id: str


class BatchedImport:
    """Writes the chats of an import in batches.

    `report`: imported chats, complete after every batch. `found`: number of chats in the file; 0 until all were
    checked. `already_imported`: number of chats that an earlier run has imported.
    """

    def __init__(self, chat_import: ChatImport) -> None:
        self._import = chat_import
        self._seen: Counter[bytes] = Counter()
        self._ready: deque[_Ready] = deque()
        self.report = ChatImportReport()
        self.found = 0
        self.already_imported = 0

    async def run(self) -> ChatImportReport:
        """Import all chats that were not imported before. Raises: as `ChatImport.check`, before anything is written."""
        checked = await self._import.check()
        self.found = len(checked.chats)
        todo = deque(zip(checked.chats, self._import.places, strict=True))
        while todo or self._ready:
            if not self._ready:
                await self._read(todo)
            if not self._ready:
                continue
            await self._write()
            if todo or self._ready:
                await asyncio.sleep(PAUSE_SECONDS)
        return self.report

    async def _read(self, todo: deque[tuple[ImportedChatReport, FilePosition]]) -> None:
        """Read the next chats and skip those that were imported before."""
        read, size = list[_Ready](), 0
        while todo and len(read) < BATCH_CHATS and size < BATCH_BYTES:
            line, place = todo.popleft()
            one, text = await read_again(self._import.file, place)
            read.append(_Ready(line, place, one, self._id_of(text)))
            size += place.size
        known: set[str] = set()
        for some in chunks([ready.chat_id for ready in read]):
            found = await fetch_all(_THERE.format(placeholders(len(some))), *some)
            known |= {row["id"] for row in found}
        for ready in read:
            if ready.chat_id in known:
                self.already_imported += 1
                self._import.on_step(ready.place.size)
            else:
                self._ready.append(ready)

    async def _write(self) -> None:
        """Write as many of the read chats as fit in the time of one transaction, at least one."""
        written: list[_Ready] = []
        at, until = now(), time.monotonic() + BATCH_SECONDS
        async with transaction():
            await self._import.folders.lock()
            for ready in self._ready:
                await self._import.write(ready.line, ready.one, ready.chat_id, at)
                written.append(ready)
                if time.monotonic() > until:
                    break
        for ready in written:
            self._ready.popleft()
            self.report.chats.append(ready.line)
            self._import.on_step(ready.place.size)

    def _id_of(self, text: bytes) -> str:
        """Return an id that is the same for the same chat of the same owner; equal chats of a file are numbered."""
        digest = hashlib.blake2b(
            text, digest_size=16, key=self._import.owner_id.encode()[:64]
        ).digest()
        self._seen[digest] += 1
        number = b"%d" % self._seen[digest]
        return str(
            uuid.UUID(bytes=hashlib.blake2b(digest + number, digest_size=16).digest(), version=4)
        )
