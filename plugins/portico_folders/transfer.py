"""Folders in exports and imports of whole instances, parents before what is in them."""

import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import DomainError, InvalidRequest
from portico.api.db import fetch_all, now, placeholders
from portico.api.json import sanitize_json
from portico.api.text import likeness
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    epoch_seconds,
    imported,
    owners_here,
    rejected,
    skipped,
    store_each,
    table_count,
    unchanged,
)
from portico_folders import data_validation, store
from portico_folders.data_validation import Field
from portico_folders.lookup import is_storable
from portico_folders.names import MAX_NAME_CHARS, read_name, search_name

_TABLE: Final = "folders_folder"
#: Owners whose folders are read at once.
_OWNERS: Final = 20
_NEXT_OWNERS: Final = f"SELECT DISTINCT user_id FROM folders_folder WHERE user_id > $1 ORDER BY user_id LIMIT {_OWNERS}"  # noqa: S608
_OF_OWNERS: Final = (
    "SELECT id, parent_id, user_id, name, meta, data, is_expanded, created_at, updated_at "
    "FROM folders_folder WHERE user_id IN ({}) ORDER BY user_id, created_at, id"
)
_TAKEN: Final = "its id is that of another account's folder here"
_NAMELESS: Final = "Imported folder"
#: Characters of a number after a name.
_NUMBER_CHARS: Final = 8

_NULL: Final = msgspec.Raw(b"null")


class FolderRecord(msgspec.Struct):
    """A folder. `meta`, `data`: objects. Times: epoch seconds."""

    id: str
    user_id: str
    name: str
    parent_id: str | None = None
    is_expanded: bool | int | None = None
    created_at: int | float | None = None
    updated_at: int | float | None = None
    meta: msgspec.Raw = _NULL
    data: msgspec.Raw = _NULL


class FolderTransfer(TransferKind):
    """The kind `folders`."""

    name = "folders"
    after = ("accounts",)
    _reader = RecordReader(FolderRecord)

    async def count(self, scope: ExportScope) -> int:
        """Return how many folders a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield the folders of some accounts at a time."""
        last = ""
        while True:
            if scope.account_id is not None:
                owners = [scope.account_id]
            else:
                owners = [one["user_id"] for one in await fetch_all(_NEXT_OWNERS, last)]
            if owners:
                rows = await fetch_all(_OF_OWNERS.format(placeholders(len(owners))), *owners)
                yield [msgspec.json.encode(_record(row)) for row in _parents_first(rows)]
                last = owners[-1]
            if scope.account_id is not None or len(owners) < _OWNERS:
                return

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import folders. One whose name is that of another folder at its place gets a number."""
        read, outcomes = self._reader.read(records)
        there = await owners_here(_TABLE, [one.record.id for one in read])

        async def store_one(record: FolderRecord) -> Outcome:
            owner_id = run.accounts.get(record.user_id)
            if owner_id is None:
                return skipped(record.id, run.accounts.reason(record.user_id))
            if record.id in there:
                is_same = there[record.id] == owner_id
                return unchanged(record.id) if is_same else skipped(record.id, _TAKEN)
            if not is_storable(record.id):
                return rejected(record.id, "its id has characters other than ASCII")
            await self._insert(record, owner_id, run)
            return imported(record.id)

        await store_each(read, outcomes, store_one)
        return [outcomes[place] for place in range(len(records))]

    async def _insert(self, record: FolderRecord, owner_id: str, run: ImportRun) -> None:
        def note(reason: str) -> None:
            run.notes.add(self.name, reason, record.id)

        meta = _document(record.meta, "meta", note)
        data = _document(record.data, "data", note)
        name = _readable_name(record.name)
        if name != record.name:
            note("the name was changed, because folders cannot have it")
        if run.dry_run:
            return
        await store.lock_or_create_owner(owner_id)
        parent_id = await _parent(record, owner_id)
        if parent_id != record.parent_id:
            note("its parent is in the folder itself, so it is at the top")
        free = await _free_name(owner_id, parent_id, name)
        if free != name:
            note("another folder has its name, so it has a number")
        times = [
            at
            for at in (epoch_seconds(record.created_at), epoch_seconds(record.updated_at))
            if at is not None
        ] or [now()]
        values = (
            free,
            likeness(free),
            search_name(free),
            data_validation.icon_of(meta),
            meta,
            data,
        )
        await store.insert(record.id, owner_id, values, times[0])
        await store.move(record.id, parent_id, times[-1])
        if record.is_expanded:
            await store.expand(record.id, True, times[-1])


def _record(row: Mapping[str, Any]) -> FolderRecord:
    documents = {
        name: msgspec.Raw(row[name].encode()) if row[name] is not None else _NULL
        for name in ("meta", "data")
    }
    return FolderRecord(**{**row, **documents, "is_expanded": bool(row["is_expanded"])})


def _parents_first(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return folders so that each comes after its parent. Those of a cycle come last."""
    by_id = {(row["user_id"], row["id"]): row for row in rows}
    placed: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        path: list[dict[str, Any]] = []
        at: dict[str, Any] | None = row
        while at is not None and at not in path and (at["user_id"], at["id"]) not in placed:
            path.append(at)
            at = by_id.get((at["user_id"], at["parent_id"] or ""))
        placed |= {(one["user_id"], one["id"]): one for one in reversed(path)}
    return list(placed.values())


async def _parent(record: FolderRecord, owner_id: str) -> str | None:
    """Return the parent of a folder; None if that is in the folder itself."""
    if not record.parent_id or not is_storable(record.parent_id):
        return None
    parents = await store.parents(owner_id)
    at, seen = record.parent_id, set[str]()
    while at in parents and at not in seen:
        seen.add(at)
        at = parents[at] or ""
    return None if at == record.id else record.parent_id


async def _free_name(owner_id: str, parent_id: str | None, name: str) -> str:
    """Return the name, with a number if the account has a folder of this name at the same place."""
    number, free = 1, name
    while await store.find_by_name(owner_id, parent_id, likeness(free)) is not None:
        number += 1
        free = f"{name[: MAX_NAME_CHARS - _NUMBER_CHARS]} ({number})"
    return free


def _readable_name(name: str) -> str:
    """Return a name that a folder can have."""
    shown = "".join(one for one in name if unicodedata.category(one) not in ("Cc", "Cs"))
    for candidate in (name, shown, shown[:MAX_NAME_CHARS], shown[: MAX_NAME_CHARS // 8]):
        try:
            return read_name(candidate)
        except InvalidRequest:
            continue
    return _NAMELESS


def _document(raw: msgspec.Raw, field: Field, note: Any) -> str | None:
    """Return an open object as it is stored; None, with a note, if it cannot be."""
    try:
        cleaned = msgspec.Raw(sanitize_json(bytes(raw)))
        return data_validation.merged(None, data_validation.read(cleaned, field), field)
    except DomainError:
        note(f"its {field} has another shape than folders have, and is left out")
        return None
