"""Files of chats: those that models got in a chat are deleted with it, unless something else has them."""

from collections.abc import Iterable
from typing import Final

from portico.api import AppContext, PeriodicTask
from portico.api.db import chunks, execute, fetch_all, placeholder_rows, placeholders
from portico.api.interfaces import TEMPORARY_CHAT_PREFIX, ChatChanged, ChatMentions, FolderLookup
from portico.api.models import WorkspaceModels
from portico_files.schemas import FileRow
from portico_files.service import Files
from portico_files.settings import FilesSettings

#: Seconds after a deletion, in which further ones are collected, and after which a failed run is repeated.
DELAY_SECONDS: Final = 0.2
INTERVAL_SECONDS: Final = 60.0

_ADD: Final = "INSERT INTO files_chat (file_id, chat_id) VALUES {} ON CONFLICT DO NOTHING"
_FILES: Final = (
    "SELECT DISTINCT f.id, f.user_id FROM files_chat c JOIN files_file f ON f.id = c.file_id "
    "WHERE c.chat_id IN ({})"
)
_DELETE: Final = "DELETE FROM files_chat WHERE chat_id IN ({})"
_OTHERS: Final = (
    "SELECT 1 AS found FROM files_chat WHERE file_id = $1 AND chat_id NOT IN ({}) LIMIT 1"
)


class ChatFiles:
    """Records which files are in which chats, and deletes those whose last chat was deleted."""

    def __init__(self, app: AppContext, settings: FilesSettings, files: Files) -> None:
        self._app, self._settings, self._files = app, settings, files
        self._deleted: set[str] = set()
        self._task = PeriodicTask(
            "files of deleted chats", INTERVAL_SECONDS, self.run, delay=DELAY_SECONDS
        )

    def start(self) -> None:
        """Start the background task."""
        self._task.start()

    async def stop(self) -> None:
        """Delete what is due, and stop."""
        if await self._task.stop():
            await self._task.attempt()

    async def record(self, chat_id: str | None, user_id: str, rows: Iterable[FileRow]) -> None:
        """Record that a model gets these files in a chat. Files of other accounts are left out."""
        if chat_id is None or chat_id.startswith(TEMPORARY_CHAT_PREFIX):
            return
        values = [value for row in rows if row.user_id == user_id for value in (row.id, chat_id)]
        if values:
            await execute(_ADD.format(placeholder_rows(len(values) // 2, 2)), *values)

    def on_chat_changed(self, event: ChatChanged) -> None:
        """Remember that a chat was deleted."""
        if event.change == "deleted" and self._settings.delete_with_chat:
            self._deleted.add(event.id)
            self._task.wake()

    async def run(self) -> None:
        """Delete the files of the chats that were deleted since the last run, except those that another chat has."""
        for ids in chunks(list(self._deleted)):
            found = await fetch_all(_FILES.format(placeholders(len(ids))), *ids)
            for one in found:
                others = _OTHERS.format(placeholders(len(ids), 2))
                if not await fetch_all(others, one["id"], *ids):
                    await self._delete_unmentioned(one["id"], one["user_id"])
            if found:
                await execute(_DELETE.format(placeholders(len(ids))), *ids)
            self._deleted.difference_update(ids)

    async def _delete_unmentioned(self, file_id: str, owner_id: str) -> None:
        """Delete a file, unless a chat of its owner names it, such as a copy, or a folder or a model does."""
        if not await self._is_mentioned(file_id, owner_id):
            await self._files.delete_unused(file_id)

    async def _is_mentioned(self, file_id: str, owner_id: str) -> bool:
        services = self._app.services
        chats, folders = services.get(ChatMentions), services.get(FolderLookup)
        models = services.get(WorkspaceModels)
        return (
            (chats is not None and await chats.is_mentioned(owner_id, file_id))
            or (folders is not None and await folders.is_mentioned(owner_id, file_id))
            or (models is not None and await models.is_mentioned(file_id))
        )
