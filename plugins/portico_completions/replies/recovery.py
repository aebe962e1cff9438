"""Stores the replies that the end of another process has interrupted."""

from collections.abc import Callable

import structlog

from portico.api import AppContext, PeriodicTask, Unavailable, error_location
from portico.api.db import transaction
from portico_completions.chat_store import chat_store_of
from portico_completions.replies import store
from portico_completions.replies.announcements import Announcements
from portico_completions.replies.ending import BROKE_OFF, CRASHED, Ending
from portico_completions.replies.message_text import finished_text
from portico_completions.replies.reply import Reply, ReplyOptions
from portico_completions.replies.store import ReplyRow

#: Seconds between two searches.
INTERVAL_SECONDS = 5.0
log = structlog.get_logger("portico.completions")


class Recovery:
    """Searches for replies of instances that are not alive any more: at the start, and then every few seconds.

    Also for those of this instance that it does not know, such as one whose request was cancelled while it was stored.
    `is_known`: whether this instance is generating a reply.
    """

    def __init__(
        self, app: AppContext, announcements: Announcements, is_known: Callable[[str], bool]
    ) -> None:
        self._app, self._announcements, self._is_known = app, announcements, is_known
        self._task = PeriodicTask("interrupted replies", INTERVAL_SECONDS, self.run)

    async def start(self) -> None:
        """Search now, and begin to search in the background."""
        await self._task.attempt()
        self._task.start()

    async def stop(self) -> None:
        """Stop searching."""
        await self._task.stop()

    async def run(self) -> None:
        """Store all such replies as interrupted, and take over the ends that no client has received."""
        await self._announcements.repeat()
        channel = self._app.instance_channel
        own = channel.instance_id
        rows = await store.of_other_instances(channel.live_ids - {own})
        lost = [row for row in rows if row.instance_id != own or not self._is_known(row.id)]
        if not lost:
            return
        # Asked after the rows were read: an instance that has just started is known then.
        await channel.find_peers()
        for row in lost:
            if row.instance_id == own or row.instance_id not in channel.live_ids:
                reason = BROKE_OFF if row.instance_id == own else CRASHED
                await self._try_to_store(row, Ending("interrupted", reason))

    async def _try_to_store(self, row: ReplyRow, ending: Ending) -> None:
        try:
            await self._store(row, ending)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - of one reply: the others must be stored
            log.error(
                "interrupted reply not stored",
                reply=row.id,
                error=type(error).__name__,
                at=error_location(error),
            )

    async def _store(self, row: ReplyRow, ending: Ending) -> None:
        text = finished_text(await store.text_of(row.id))
        chats = chat_store_of(self._app, row.chat_id)
        async with transaction():
            if not await store.delete(row.id):
                return  # another instance was faster
            if chats is not None:
                fields = ending.fields(text)
                await chats.record_reply(row.chat_id, row.message_id, fields, create=False)
        log.warning("reply interrupted", reply=row.id, instance=row.instance_id)
        reply = Reply(self._app, row, ReplyOptions(reasoning_tags=()))
        self._announcements.announce(ending, reply, text=text)
