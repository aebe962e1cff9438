"""Stores the replies that the end of another process has interrupted."""

import structlog

from portico.api import AppContext, PeriodicTask
from portico.api.db import transaction
from portico.api.interfaces import ChatStore
from portico_completions.replies import store
from portico_completions.replies.ending import CRASHED, Ending
from portico_completions.replies.message_text import finished_text
from portico_completions.replies.reply import Reply, ReplyOptions
from portico_completions.replies.store import ReplyRow
from portico_completions.request import is_temporary

#: Seconds between two searches.
INTERVAL_SECONDS = 5.0
log = structlog.get_logger("portico.completions")


class Recovery:
    """Searches for replies of instances that are not alive any more: at the start, and then every few seconds."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._task = PeriodicTask("interrupted replies", INTERVAL_SECONDS, self.run)

    async def start(self) -> None:
        """Search now, and begin to search in the background."""
        await self._task.attempt()
        self._task.start()

    async def stop(self) -> None:
        """Stop searching."""
        await self._task.stop()

    async def run(self) -> None:
        """Store all such replies as interrupted."""
        for row in await store.of_other_instances(self._app.instance_channel.live_ids):
            await self._store(row, Ending("interrupted", CRASHED))

    async def _store(self, row: ReplyRow, ending: Ending) -> None:
        text = finished_text(await store.text_of(row.id))
        chats = None if is_temporary(row.chat_id) else self._app.services.get(ChatStore)
        async with transaction():
            if not await store.delete(row.id):
                return  # another instance was faster
            if chats is not None:
                fields = ending.fields(text)
                await chats.record_reply(row.chat_id, row.message_id, fields, create=False)
        log.warning("reply interrupted", reply=row.id, instance=row.instance_id)
        ending.announce(self._app, Reply(self._app, row, ReplyOptions(reasoning_tags=())), text)
