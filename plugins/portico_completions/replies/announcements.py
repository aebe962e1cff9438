"""Tells clients and plugins how replies ended; clients that are just connecting again are told when they are back."""

import time
from collections import deque
from typing import Any, Final, NamedTuple

from portico.api import AppContext, PeriodicTask
from portico.api.db import now
from portico.api.interfaces import ReplyEnded
from portico_completions.chat_store import chat_store_of
from portico_completions.replies import store
from portico_completions.replies.ending import Ending
from portico_completions.replies.reply import Reply, send_event
from portico_completions.replies.store import ReplyRow

#: Seconds that a client has to connect again.
MAX_WAIT_SECONDS: Final = 60.0
#: Seconds after which no client waits for the end of a reply any more.
MAX_AGE_SECONDS: Final = 600
#: Ends of replies that are kept for such clients, and characters of the text of one.
MAX_KEPT: Final = 50
MAX_KEPT_CHARS: Final = 200_000
_INTERVAL_SECONDS: Final = 0.5
_IDLE_SECONDS: Final = 3600.0


class _Unheard(NamedTuple):
    row: ReplyRow
    events: list[tuple[str, Any]]
    until: float


class Announcements:
    """Announces the ends of replies.

    A client displays a reply as growing until it hears of its end, and takes no further message. So an end at a moment
    when the account has no socket, as after a restart, is announced again to the first that connects.
    """

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._unheard: deque[_Unheard] = deque(maxlen=MAX_KEPT)
        self._task = PeriodicTask("ends of replies", self._interval, self._repeat)

    def start(self) -> None:
        """Begin to watch for clients that connect again."""
        self._task.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._task.stop()

    def announce(
        self, ending: Ending, reply: Reply, title: str = "", *, text: str | None = None
    ) -> None:
        """Send the events that end a reply to the clients of its owner, and tell the listeners of plugins.

        `text`: the text that was stored, if `reply` has not received it.
        """
        row, content = reply.row, reply.text if text is None else text
        # A client whose server has crashed has rather more of the text than is stored.
        events = ending.events(content, title, is_displayed=text is not None)
        for kind, data in events:
            reply.send(kind, data)
        if not (reply.is_silent or self.is_heard(row)):
            self._keep(_Unheard(row, events, time.monotonic() + MAX_WAIT_SECONDS), content)
        self._app.events.publish(
            ReplyEnded(
                row.id,
                row.chat_id,
                row.message_id,
                row.user_id,
                ending.outcome,
                content,
                ending.reason,
            )
        )

    def is_heard(self, row: ReplyRow) -> bool:
        """Return whether the account of a reply has a socket on any instance."""
        return self._app.sockets.has_sockets(row.user_id)

    async def repeat(self) -> None:
        """Take over the ends that a stopped process could announce to no client."""
        for end in await store.take_ends():
            if now() - end.ended_at > MAX_AGE_SECONDS:
                continue
            chats = chat_store_of(self._app, end.chat_id)
            content = await chats.content(end.chat_id, end.message_id) if chats else ""
            title = await chats.title(end.chat_id) if chats else ""
            ending = Ending(end.outcome, end.reason)  # type: ignore[arg-type] # written by `finish`
            row = ReplyRow(end.reply_id, end.user_id, end.chat_id, end.message_id, "", end.ended_at)
            events = ending.events(content, title)
            self._keep(_Unheard(row, events, time.monotonic() + MAX_WAIT_SECONDS), content)

    def _keep(self, unheard: _Unheard, content: str) -> None:
        if len(content) <= MAX_KEPT_CHARS:
            self._unheard.append(unheard)
            self._task.wake()

    def _interval(self) -> float:
        return _INTERVAL_SECONDS if self._unheard else _IDLE_SECONDS

    async def _repeat(self) -> None:
        clock = time.monotonic()
        for _ in range(len(self._unheard)):
            one = self._unheard.popleft()
            if self.is_heard(one.row):
                for kind, data in one.events:
                    send_event(self._app, one.row, kind, data)
            elif clock < one.until:
                self._unheard.append(one)
