"""Which state of a chat was shown to which sign-in: how an omission is told from ignorance (see `trees`).

Noted in memory when a chat is read, and written down soon after, once for each sign-in and state, so that reading
costs nothing. What is lost when a process is killed makes a deletion be taken for ignorance: nothing disappears.
"""

import asyncio
from collections import OrderedDict

import structlog

from portico.api import ForeignKeyViolation, execute, fetch_one, now

log = structlog.get_logger("portico.chats")

#: Pairs that are remembered.
MAX_PENDING = 10_000
#: Days for which a note is kept; longer than any session that is in use.
KEPT_DAYS = 90

_NOTE = (
    "INSERT INTO chats_seen (chat_id, session_id, revision, at) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), "
    "CAST($3 AS BIGINT), CAST($4 AS BIGINT) WHERE EXISTS (SELECT 1 FROM chats_chat WHERE id = $1) "
    "ON CONFLICT (chat_id, session_id) DO UPDATE SET revision = excluded.revision, at = excluded.at "
    "WHERE chats_seen.revision < excluded.revision"
)
_FIND = "SELECT revision FROM chats_seen WHERE chat_id = $1 AND session_id = $2"

Pair = tuple[str, str]


class SeenRevisions:
    """Revisions of chats, by chat and sign-in."""

    def __init__(self) -> None:
        #: By chat, those that were noted longest ago first; then by sign-in.
        self._known: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._count = 0
        self._waiting: dict[Pair, int] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many pairs are remembered."""
        return self._count

    def note(self, chat_id: str, session_id: str, revision: int) -> None:
        """A chat was shown in this state."""
        if self._remembered(chat_id, session_id) >= revision:
            return
        known = self._known.setdefault(chat_id, {})
        self._known.move_to_end(chat_id)
        self._count += session_id not in known
        known[session_id] = self._waiting[chat_id, session_id] = revision
        while self._count > MAX_PENDING:
            self._drop_oldest()
        if self._task is None:
            self._task = asyncio.create_task(self._write())

    def forget(self, chat_id: str) -> None:
        """Let go of a chat that was deleted: nobody asks about it again."""
        for session_id in (known := self._known.pop(chat_id, {})):
            self._waiting.pop((chat_id, session_id), None)
        self._count -= len(known)

    async def of(self, chat_id: str, session_id: str) -> int:
        """The last state that was shown; 0 = none."""
        known = self._remembered(chat_id, session_id)
        found = await fetch_one(_FIND, chat_id, session_id)
        return max(known, found["revision"] if found else 0)

    async def settle(self) -> None:
        """Wait until everything noted is written, or given up."""
        while self._task is not None:
            await asyncio.wait({self._task})

    def _remembered(self, chat_id: str, session_id: str) -> int:
        return self._known.get(chat_id, {}).get(session_id, 0)

    def _drop_oldest(self) -> None:
        """Forget a pair; what waits to be written is written all the same."""
        chat_id, known = next(iter(self._known.items()))
        del known[next(iter(known))]
        self._count -= 1
        if not known:
            del self._known[chat_id]

    async def _write(self) -> None:
        try:
            while self._waiting:
                (chat_id, session_id), revision = self._waiting.popitem()
                try:
                    await execute(_NOTE, chat_id, session_id, revision, now())
                except ForeignKeyViolation:
                    continue  # the chat was deleted in this very moment
        except Exception as error:  # noqa: BLE001 - away or full: what was shown is known here all the same
            log.warning("what was shown is not written down", error=type(error).__name__)
            self._waiting.clear()
        finally:
            self._task = None
