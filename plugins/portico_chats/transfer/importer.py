"""Import of chats for one account. Nothing here knows HTTP.

Each chat is read twice: all are checked before the first is written. Over HTTP all are written in one transaction;
from the command line in many short ones, see `batches.py`.
"""

import asyncio
from collections.abc import Callable
from typing import BinaryIO, Final

from portico.api import AppContext, TooLarge
from portico.api.db import new_id, now, transaction
from portico.api.json import ItemError, raise_item_errors
from portico_chats.content.chat_content import ContentChange
from portico_chats.creation import ChatCreator
from portico_chats.transfer.examination import (
    CheckedObject,
    FilePosition,
    checked_objects,
    error_of,
    read_again,
)
from portico_chats.transfer.file_folders import FileFolder, ImportFolders
from portico_chats.transfer.imported_chat import ImportedChat
from portico_chats.transfer.reports import (
    ChatImportReport,
    ImportedChatReport,
    RejectedChat,
    note_of,
)
from portico_chats.worker_thread import off_loop

#: Chats and messages in one import over HTTP. Larger files are imported on the command line.
MAX_CHATS: Final = 10_000
MAX_MESSAGES: Final = 100_000
#: Number of errors after which checking stops.
MAX_ERRORS: Final = 1000


def _no_progress(_: int) -> None:
    pass


class ChatImport:
    """One import. Use an instance once.

    `owner_id`: the new owner. `file`: JSON, see `read_items`. `session_id`: the importing session, "" = none.
    `unbounded`: accept any number of chats and messages. `may_make_folders`: create the folders that the file
    names. `on_step`: called with the bytes of each chat after it is checked, and again after it is written.
    """

    def __init__(
        self,
        app: AppContext,
        creator: ChatCreator,
        owner_id: str,
        file: BinaryIO,
        *,
        session_id: str = "",
        unbounded: bool = False,
        may_create_folders: bool = True,
        on_step: Callable[[int], None] = _no_progress,
    ) -> None:
        self.owner_id = owner_id
        self.file = file
        self.folders = ImportFolders(app, owner_id, may_create=may_create_folders)
        self.places: list[FilePosition] = []
        self.on_step = on_step
        self._creator = creator
        self._session_id = session_id
        self._unbounded = unbounded
        self._messages = 0
        self._location: tuple[str, ...] = ()
        self._folders_of_chats: list[FileFolder | None] = []

    async def dry_run(self) -> ChatImportReport:
        """Return what `run` would do. Changes nothing; errors of single chats are part of the report.

        Raises: UnreadableImport if the file is not an export; TooLarge.
        """
        report, errors = await self._check_all()
        for line, folder in zip(report.chats, self._folders_of_chats, strict=True):
            line.in_folder = await self.folders.would_find(folder)
            if folder is not None:
                line.note = note_of(0, has_folder=True, in_folder=line.in_folder)
        report.rejected = [RejectedChat(error.index, error.reason) for error in errors]
        return report

    async def check(self) -> ChatImportReport:
        """Check all chats. Raises: ValidationError or InvalidRequest with all errors; TooLarge."""
        report, errors = await self._check_all()
        raise_item_errors(errors, self._location, "chats")
        return report

    async def run(self) -> ChatImportReport:
        """Import all chats or none. Raises: as `check`."""
        report, at = await self.check(), now()
        async with transaction():
            await self.folders.lock()
            for line, place in zip(report.chats, self.places, strict=True):
                one, _ = await read_again(self.file, place)
                await self.write(line, one, new_id(), at)
                self.on_step(place.size)
                await asyncio.sleep(0)  # readers continue in the meantime
        return report

    async def write(
        self, line: ImportedChatReport, one: ImportedChat, chat_id: str, at: int
    ) -> None:
        """Write one chat. Call it in a transaction, see `FolderPlaces.lock`. `at`: epoch seconds of the import."""
        folder_id = await self.folders.find(one.folder)
        row = one.row(chat_id, self.owner_id, at, folder_id)
        document = one.document
        new = await off_loop(
            document.size, ContentChange.create, document, row["title"], self._session_id
        )
        await self._creator.create(row, new, tags=one.tags)
        line.id, line.in_folder = chat_id, folder_id is not None
        line.note = note_of(
            one.left_out, has_folder=one.folder is not None, in_folder=line.in_folder
        )

    async def _check_all(self) -> tuple[ChatImportReport, list[ItemError]]:
        report, errors = ChatImportReport(), list[ItemError]()
        async for some in checked_objects(self.file):
            for one in some:
                if isinstance(one, FileFolder):
                    self.folders.record(one)
                    continue
                if one.item.index >= MAX_CHATS and not self._unbounded:
                    raise TooLarge(f"[ERROR: at most {MAX_CHATS} chats at once]")
                self.on_step(one.item.size)
                self._location = (one.item.key,) if one.item.key else ()
                if (error := error_of(one)) is not None:
                    errors.append(error)
                else:
                    self._add_to_report(report, one)
            if len(errors) > MAX_ERRORS:
                break
        return report, errors

    def _add_to_report(self, report: ChatImportReport, checked: CheckedObject) -> None:
        one = checked.found
        assert isinstance(one, ImportedChat)
        count = len(one.document.messages or ())
        self._messages += count
        if self._messages > MAX_MESSAGES and not self._unbounded:
            raise TooLarge(f"[ERROR: at most {MAX_MESSAGES} messages at once]")
        self.places.append(FilePosition(checked.item.at, checked.item.size))
        if one.folder is not None:
            self.folders.record(one.folder)
        self._folders_of_chats.append(one.folder)
        report.chats.append(
            ImportedChatReport(
                index=checked.item.index,
                title=one.title,
                messages=count,
                tags=list(one.tags),
                in_folder=False,
                note=note_of(one.left_out, has_folder=False, in_folder=False),
            )
        )
