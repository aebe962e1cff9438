"""Prompts in exports and imports of whole instances."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.db import chunks, fetch_all, new_id, now, placeholders
from portico.api.resources import AccessFields
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    epoch_seconds,
    imported,
    sharing_of_record,
    skipped,
    store_each,
    table_count,
    table_pages,
    unchanged,
)
from portico_prompts import store
from portico_prompts.command_names import command_key, read_command
from portico_prompts.resource_kind import KIND
from portico_prompts.schemas import Prompt, prompt_fields
from portico_prompts.service import MAX_TITLE_CHARS
from portico_prompts.store import PromptValues

_TABLE = "prompts_prompt"
_THERE = "SELECT normalized_command, user_id FROM prompts_prompt WHERE normalized_command IN ({})"
TAKEN = "its command is that of another prompt here"


class PromptRecord(AccessFields, kw_only=True):
    """A prompt, as the API shows it. `timestamp`: of the last change. `name`: the title, as newer servers call it."""

    command: str
    user_id: str
    content: str
    id: Any = None
    title: str | None = None
    name: str | None = None
    timestamp: int | float | None = None
    created_at: int | float | None = None
    updated_at: int | float | None = None


class PromptTransfer(TransferKind):
    """The kind `prompts`. A prompt is identified by its command, since earlier servers have no other id."""

    name = "prompts"
    after = ("accounts", "groups")
    _reader = RecordReader(PromptRecord, id_field="command")

    def __init__(self, app: AppContext) -> None:
        self._grants = app.permissions.grants

    async def count(self, scope: ExportScope) -> int:
        """Return how many prompts a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield prompts as the API shows them."""
        async for page in table_pages(_TABLE, scope):
            shared = await self._grants.sharings_of(KIND, [row["id"] for row in page])
            yield [
                msgspec.json.encode(
                    Prompt(
                        **prompt_fields(
                            row, row["content"], shared.get(row["id"], self._grants.PRIVATE)
                        )
                    )
                )
                for row in page
            ]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import prompts whose commands are free."""
        read, outcomes = self._reader.read(records)
        there = await _owners_by_key([command_key(one.record.command) for one in read])
        texts = {one.record.command: records[one.place] for one in read}

        async def store_one(record: PromptRecord) -> Outcome:
            owner_id = run.accounts.get(record.user_id)
            if owner_id is None:
                return skipped(record.command, run.accounts.reason(record.user_id))
            command = read_command(record.command)
            key = command_key(command)
            if key in there:
                is_same = there[key] == owner_id
                return unchanged(record.command) if is_same else skipped(record.command, TAKEN)
            there[key] = owner_id
            sharing = sharing_of_record(record, texts[record.command], run, self.name, command)
            title = record.title if record.title is not None else record.name or ""
            if len(title) > MAX_TITLE_CHARS:
                run.notes.add(self.name, "the title was cut, because it is too long", command)
            if not run.dry_run:
                prompt_id = record.id if isinstance(record.id, str) and record.id else new_id()
                values = PromptValues(command, title[:MAX_TITLE_CHARS], record.content)
                created_at, updated_at = _times(record)
                await store.insert(prompt_id, owner_id, created_at, values, updated_at=updated_at)
                await self._grants.write(KIND, prompt_id, sharing)
            return imported(record.command)

        await store_each(read, outcomes, store_one, id_field="command")
        return [outcomes[place] for place in range(len(records))]


async def _owners_by_key(keys: Sequence[str]) -> dict[str, str]:
    """Return the owners of prompts here by the keys of their commands."""
    found: dict[str, str] = {}
    for some in chunks([key for key in keys if "\x00" not in key]):
        rows = await fetch_all(_THERE.format(placeholders(len(some))), *some)
        found |= {row["normalized_command"]: row["user_id"] for row in rows}
    return found


def _times(record: PromptRecord) -> tuple[int, int]:
    """Return when a prompt was created and changed."""
    given = (record.updated_at, record.timestamp, record.created_at)
    updated_at = next((at for one in given if (at := epoch_seconds(one)) is not None), now())
    created_at = epoch_seconds(record.created_at)
    return (updated_at if created_at is None else created_at), updated_at
