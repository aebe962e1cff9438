"""Last revision of a chat that each session was shown: it tells deleted messages from unknown ones (see `message_tree`).

Recorded in memory when a chat is read, and stored soon after, once for each session and revision, so that reading
costs nothing. If a record is lost because the process is killed, a deletion counts as an unknown message: nothing
disappears.
"""

import asyncio
from collections import OrderedDict

import structlog

from portico.api.db import ForeignKeyViolation, execute, fetch_one, now

log = structlog.get_logger("portico.chats")

#: Pairs of chat and session that are held in memory.
MAX_PENDING = 10_000
#: Days for which a record is stored; longer than any active session.
RETENTION_DAYS = 90

_NOTE = (
    "INSERT INTO chats_seen_revision (chat_id, session_id, revision, at) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), "
    "CAST($3 AS BIGINT), CAST($4 AS BIGINT) WHERE EXISTS (SELECT 1 FROM chats_chat WHERE id = $1) "
    "ON CONFLICT (chat_id, session_id) DO UPDATE SET revision = excluded.revision, at = excluded.at "
    "WHERE chats_seen_revision.revision < excluded.revision"
)
_FIND = "SELECT revision FROM chats_seen_revision WHERE chat_id = $1 AND session_id = $2"

Pair = tuple[str, str]


class SeenRevisions:
    """Seen revisions by chat and session."""

    def __init__(self) -> None:
        #: By chat, the oldest first; then by session.
        self._by_chat: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._count = 0
        self._pending: dict[Pair, int] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Return how many pairs are held in memory."""
        return self._count

    def record(self, chat_id: str, session_id: str, revision: int) -> None:
        """Record that a session was shown this revision of a chat."""
        if self._in_memory(chat_id, session_id) >= revision:
            return
        known = self._by_chat.setdefault(chat_id, {})
        self._by_chat.move_to_end(chat_id)
        self._count += session_id not in known
        known[session_id] = self._pending[chat_id, session_id] = revision
        while self._count > MAX_PENDING:
            self._drop_oldest()
        if self._task is None:
            self._task = asyncio.create_task(self._write())

    def forget(self, chat_id: str) -> None:
        """Drop the records of a deleted chat."""
        for session_id in (known := self._by_chat.pop(chat_id, {})):
            self._pending.pop((chat_id, session_id), None)
        self._count -= len(known)

    async def of(self, chat_id: str, session_id: str) -> int:
        """Return the last revision that the session was shown; 0 = none."""
        known = self._in_memory(chat_id, session_id)
        found = await fetch_one(_FIND, chat_id, session_id)
        return max(known, found["revision"] if found else 0)

    async def flush(self) -> None:
        """Wait until all records are stored, or storing them failed."""
        while self._task is not None:
            await asyncio.wait({self._task})

    def _in_memory(self, chat_id: str, session_id: str) -> int:
        return self._by_chat.get(chat_id, {}).get(session_id, 0)

    def _drop_oldest(self) -> None:
        """Drop the oldest pair from memory; pending records are stored nevertheless."""
        chat_id, known = next(iter(self._by_chat.items()))
        del known[next(iter(known))]
        self._count -= 1
        if not known:
            del self._by_chat[chat_id]

    async def _write(self) -> None:
        try:
            while self._pending:
                (chat_id, session_id), revision = self._pending.popitem()
                try:
                    await execute(_NOTE, chat_id, session_id, revision, now())
                except ForeignKeyViolation:
                    continue  # the chat was deleted at the same time
        except Exception as error:  # noqa: BLE001 - unavailable or full: the record stays in memory
            log.warning("seen revision not stored", error=type(error).__name__)
            self._pending.clear()
        finally:
            self._task = None
