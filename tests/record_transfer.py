"""Exports and imports of the records of one kind, as the engine of `portico import` has them done."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portico.api.transfer import ExportScope, ImportRun, TransferKind
from portico.testing import Client, InProcessApp

Record = dict[str, Any]


@dataclass
class ContentsInMemory:
    """Contents of files by name."""

    contents: Mapping[str, bytes] = field(default_factory=dict)

    async def open(self, name: str) -> AsyncIterator[bytes] | None:
        """Return the contents in two blocks."""
        return _halves(self.contents[name]) if name in self.contents else None


async def _halves(content: bytes) -> AsyncIterator[bytes]:
    middle = len(content) // 2
    yield content[:middle]
    yield content[middle:]


def import_run(
    people: Mapping[str, Client | str] | None = None,
    groups: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
    *,
    dry_run: bool = False,
) -> ImportRun:
    """Return a run for accounts and groups of a source: by their ids there, who they are here."""
    run = ImportRun(files=ContentsInMemory(files or {}), dry_run=dry_run)
    for source_id, here in (people or {}).items():
        run.accounts.add(source_id, here if isinstance(here, str) else here.account["id"])
    for source_id, group_id in (groups or {}).items():
        run.groups.add(source_id, group_id)
    return run


def kind_of(app: InProcessApp, name: str) -> TransferKind:
    """Return a kind by its name."""
    return next(one for one in app.portico.context.transfer_kinds() if one.name == name)


def import_records(
    app: InProcessApp, name: str, records: Sequence[Record | bytes], run: ImportRun
) -> list[tuple[str, str, str]]:
    """Import one batch. Returns id, state and reason of each outcome."""
    kind = kind_of(app, name)
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]

    async def work() -> list[tuple[str, str, str]]:
        outcomes = await kind.import_batch(texts, run)
        await kind.finish(run)
        return [(one.id, one.state, one.reason) for one in outcomes]

    return list(app.run(work))


def states(outcomes: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the states of outcomes."""
    return [state for _, state, _ in outcomes]


def notes_of(run: ImportRun) -> dict[str, int]:
    """Return how often each note was made."""
    return {note.reason: note.records for note in run.notes.all()}


def export_records(app: InProcessApp, name: str, owner: Client | None = None) -> list[Record]:
    """Export one account's records of a kind, or all."""
    kind = kind_of(app, name)
    scope = ExportScope(owner.account["id"] if owner else None)

    async def work() -> list[Record]:
        found = [json.loads(one) async for block in kind.export(scope) for one in block]
        counted = await kind.count(scope)
        assert counted is None or counted == len(found)
        return found

    return list(app.run(work))
