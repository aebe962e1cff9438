"""Chats in exports and imports of whole instances, with their tags, shares and folders.

Records are read first, in a thread if they are large; then they are written in transactions of at most some hundred messages,
between which others write.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import AppContext, DomainError
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    current_database,
    now,
    transaction,
)
from portico.api.interfaces import FolderLookup
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    TransferKind,
    imported,
    owners_here,
    reason_of,
    rejected,
    skipped,
    unchanged,
)
from portico_chats.creation import NewChat, store_chats
from portico_chats.schemas import Chat
from portico_chats.search.indexer import index_all
from portico_chats.sharing import queries as share_queries
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.names import tags_in
from portico_chats.transfer import exporter
from portico_chats.transfer.chat_record import ChatRecord, id_of_record, read_chat
from portico_chats.transfer.imported_chat import ImportedChat
from portico_chats.worker_thread import off_loop

#: Messages and characters of one transaction; a single chat may have more.
MAX_MESSAGES: Final = 400
MAX_CHARS: Final = 1024 * 1024
#: Seconds of reading after which other work gets the event loop.
STEP_SECONDS: Final = 0.005
#: Seconds between two transactions: SQLite lets other processes ask for the lock only so often.
PAUSE_SECONDS: Final = 0.002

TAKEN: Final = "its id is that of another account's chat here"
SHARE_TAKEN: Final = "its share id is that of another chat here, so the chat is not shared"
NO_FOLDER: Final = "its folder was not taken, so the chat is in none"


class ExportedTag(msgspec.Struct):
    """A tag of a chat, in the spelling of its owner."""

    id: str
    name: str


class ExportedChatRecord(Chat, kw_only=True):
    """A chat in an export. `shared_chat`: the document that is shared; `shared_at`: since when, in epoch seconds."""

    tags: list[ExportedTag]
    shared_chat: msgspec.Raw | UnsetType = UNSET
    shared_at: int | UnsetType = UNSET


class _PlannedChat(msgspec.Struct):
    """A record that is to be written. `place`: in its batch. `owner_id`: here."""

    place: int
    record: ChatRecord
    owner_id: str


class ChatTransfer(TransferKind):
    """The kind `chats`."""

    name = "chats"
    after = ("accounts", "folders")

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def count(self, scope: ExportScope) -> int:
        """Return how many chats a scope has."""
        return await exporter.count(scope.account_id)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield chats with the spelling of their tags and what is shared of them."""
        names: dict[str, dict[str, str]] = {}
        async for block in exporter.blocks(scope.account_id):
            for owner_id in {one.user_id for one in block} - names.keys():
                found = await tag_queries.of_owner(owner_id)
                names[owner_id] = {one["id"]: one["name"] for one in found}
            records = []
            for one in block:
                shared = await share_queries.find(one.share_id) if one.share_id else None
                records.append(_exported(one, names[one.user_id], shared))
            yield [msgspec.json.encode(one) for one in records]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import chats of accounts that were taken. Damaged ones are repaired, and what is left out is noted."""
        outcomes: dict[int, Outcome] = {}
        planned = await self._plan(records, run, outcomes)
        for some in _transactions(planned):
            if run.dry_run:
                outcomes |= {one.place: imported(one.record.id) for one in some}
                continue
            try:
                await self._write(some, run, outcomes)
            except (ForeignKeyViolation, UniqueViolation):
                for one in some:
                    await self._write_alone(one, run, outcomes)
            await asyncio.sleep(PAUSE_SECONDS)
        return [outcomes[place] for place in range(len(records))]

    async def finish(self, run: ImportRun) -> None:
        """Complete the search index on SQLite. On PostgreSQL instances do: there it takes the database longer than the import."""
        if not run.dry_run and current_database().dialect == "sqlite":
            await index_all()

    async def _plan(
        self, records: Sequence[bytes], run: ImportRun, outcomes: dict[int, Outcome]
    ) -> list[_PlannedChat]:
        """Read the records that are not here yet."""
        ids = [id_of_record(raw) for raw in records]
        there = await owners_here("chats_chat", [one for one in ids if one])
        planned: list[_PlannedChat] = []
        until = time.monotonic() + STEP_SECONDS
        for place, raw in enumerate(records):
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + STEP_SECONDS
            try:
                record = await off_loop(len(raw), read_chat, raw)
            except DomainError as error:
                outcomes[place] = rejected(ids[place], reason_of(error))
                continue
            owner_id = run.accounts.get(record.owner_id)
            if record.id not in there and record.id != ids[place]:
                there |= await owners_here("chats_chat", [record.id])
            if owner_id is None:
                outcomes[place] = skipped(record.id, run.accounts.reason(record.owner_id))
            elif record.id in there:
                is_same = there[record.id] == owner_id
                outcomes[place] = unchanged(record.id) if is_same else skipped(record.id, TAKEN)
            else:
                there[record.id] = owner_id
                planned.append(_PlannedChat(place, record, owner_id))
                self._note(record, run)
        return planned

    def _note(self, record: ChatRecord, run: ImportRun) -> None:
        for fault, number in record.faults.items():
            run.notes.add(self.name, fault, record.id, number)

    async def _write_alone(
        self, one: _PlannedChat, run: ImportRun, outcomes: dict[int, Outcome]
    ) -> None:
        try:
            await self._write([one], run, outcomes)
        except ForeignKeyViolation:
            outcomes[one.place] = skipped(one.record.id, "its owner was deleted during the import")
        except UniqueViolation:
            outcomes[one.place] = skipped(one.record.id, "its id is taken here")

    async def _write(
        self, some: Sequence[_PlannedChat], run: ImportRun, outcomes: dict[int, Outcome]
    ) -> None:
        at = now()
        async with transaction():
            folder_ids = await self._folder_ids(some)
            chats = []
            for one in some:
                folder_id = folder_ids.get(one.record.id)
                row = one.record.chat.row(one.record.id, one.owner_id, at, folder_id)
                row |= _times(one.record.chat, at)
                chats.append(NewChat(row, one.record.change, one.record.tags))
            await store_chats(chats)
            unshared = await self._share(some, chats)
        for one in some:
            outcomes[one.place] = imported(one.record.id)
            folder = one.record.chat.folder
            if folder is not None and one.record.id not in folder_ids:
                run.notes.add(self.name, NO_FOLDER, one.record.id)
            if one.record.id in unshared:
                run.notes.add(self.name, SHARE_TAKEN, one.record.id)

    async def _folder_ids(self, some: Sequence[_PlannedChat]) -> dict[str, str]:
        """Return the folders of chats whose owners have them, by the ids of the chats."""
        folders = self._app.services.get(FolderLookup)
        wanted = [
            (one.owner_id, one.record.chat.folder.id, one.record.id)
            for one in some
            if one.record.chat.folder is not None
        ]
        if folders is None or not wanted:
            return {}
        for owner_id in sorted({owner_id for owner_id, _, _ in wanted}):
            await folders.lock(owner_id)
        known = {
            (owner_id, folder_id)
            for owner_id, folder_id in {(owner_id, folder_id) for owner_id, folder_id, _ in wanted}
            if await folders.exists(owner_id, folder_id)
        }
        return {
            chat_id: folder_id
            for owner_id, folder_id, chat_id in wanted
            if (owner_id, folder_id) in known
        }

    async def _share(self, some: Sequence[_PlannedChat], chats: Sequence[NewChat]) -> set[str]:
        """Share the chats that were shared. Returns the ids of those whose share id is taken."""
        shared = [
            (one.record.share, chat.row)
            for one, chat in zip(some, chats, strict=True)
            if one.record.share is not None
        ]
        if not shared:
            return set()
        taken = set(await owners_here("chats_share", [s.id for s, _ in shared], owner="chat_id"))
        refused: set[str] = set()
        for share, row in shared:
            if share.id in taken:
                refused.add(row["id"])
                continue
            taken.add(share.id)
            at = row["updated_at"] if share.at is None else share.at
            await share_queries.assign_share_id(row["id"], share.id)
            titled = row | {"title": share.title}
            await share_queries.save_snapshot(share.id, titled, share.document, at)
        return refused


def _transactions(planned: Sequence[_PlannedChat]) -> Iterator[list[_PlannedChat]]:
    """Yield the records of one transaction after the other."""
    some: list[_PlannedChat] = []
    messages = size = 0
    for one in planned:
        change = one.record.change
        if some and (messages + len(change.written) > MAX_MESSAGES or size > MAX_CHARS):
            yield some
            some, messages, size = [], 0, 0
        some.append(one)
        messages += len(change.written) + 1
        size += change.content.size
    if some:
        yield some


def _times(chat: ImportedChat, at: int) -> dict[str, int]:
    """Return when a chat was created and changed. If only one time is known, it is taken for both."""
    known = [one for one in (chat.created_at, chat.updated_at) if one is not None] or [at]
    return {"created_at": known[0], "updated_at": known[-1]}


def _exported(
    chat: Chat, names: dict[str, str], shared: dict[str, Any] | None
) -> ExportedChatRecord:
    tags = tags_in(bytes(chat.meta).decode())
    record = ExportedChatRecord(
        **{name: getattr(chat, name) for name in Chat.__struct_fields__},
        tags=[ExportedTag(one, names.get(one, one)) for one in tags],
    )
    if shared is not None:
        record.shared_chat = msgspec.Raw(shared["chat"].encode())
        record.shared_at = shared["updated_at"]
    return record
