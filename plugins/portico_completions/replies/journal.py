"""The journal: writes the growing texts of all replies of this process, once in a while in one transaction."""

from collections.abc import Callable, Collection, Iterable

from portico.api import PeriodicTask
from portico.api.db import ForeignKeyViolation, transaction
from portico_completions.replies import store
from portico_completions.replies.reply import Reply
from portico_completions.replies.store import JournalEntry

#: Seconds between two writes: what was received at most so long ago, and the time of a write, may be lost by a crash.
INTERVAL_SECONDS = 0.7


class Journal:
    """Appends what changed in the texts of `replies()`. Without a change nothing is written."""

    def __init__(self, replies: Callable[[], Collection[Reply]]) -> None:
        self._replies = replies
        self._unwritten: list[JournalEntry] = []
        self._task = PeriodicTask("journal of replies", INTERVAL_SECONDS, self.write)

    def start(self) -> None:
        """Begin to write."""
        self._task.start()

    async def stop(self) -> None:
        """Stop writing."""
        await self._task.stop()

    async def write(self) -> None:
        """Write all changes. After a failure they are written with the next ones."""
        replies = self._replies()
        for reply in replies:
            self._unwritten += reply.take_changes()
        if not self._unwritten:
            return
        running = {reply.row.id for reply in replies}
        entries = [entry for entry in self._unwritten if entry.reply_id in running]
        try:
            await self._insert(entries)
        except (
            ForeignKeyViolation
        ):  # an account was deleted, or another instance took this one for dead
            existing = await store.existing_ids({entry.reply_id for entry in entries})
            await self._insert(entry for entry in entries if entry.reply_id in existing)
        self._unwritten = []

    async def _insert(self, entries: Iterable[JournalEntry]) -> None:
        if found := list(entries):
            async with transaction():
                await store.add_changes(found)
