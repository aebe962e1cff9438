"""Models in exports and imports of whole instances: presets and overrides, with who has access."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from portico.api import AppContext, DomainError
from portico.api.auth import Actor
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    chunks,
    fetch_all,
    now,
    placeholders,
    transaction,
)
from portico.api.policy import PRIVATE, Sharing
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    TransferKind,
    epoch_seconds,
    imported,
    principals_here,
    reason_of,
    rejected,
    skipped,
    table_count,
    table_pages,
    unchanged,
)
from portico_models.fields.schemas import model_document
from portico_models.records.draft import ModelDraft
from portico_models.records.resource_kind import KIND
from portico_models.records.writer import ModelWriter
from portico_models.transfer.base_chains import base_of, bases_below, chain_depths, chain_errors
from portico_models.transfer.items import ImportBatch, ModelImportItem, check_items, draft_of
from portico_models.transfer.options import ImportOptions

_TABLE: Final = "models_model"
_THERE: Final = "SELECT id, normalized_id, user_id FROM models_model WHERE normalized_id IN ({})"
#: Models of one transaction.
MAX_MODELS: Final = 50
_OVERRIDE: Final = "it changes a model of a source for all, and its owner is no administrator in the source; --keep-admins takes it"
TAKEN: Final = "its id is, or looks like, that of another model here"
#: In whose name records are checked: no rule of a user applies.
_OPERATOR: Final = Actor("", "", "", "", "", "")


class _Times(msgspec.Struct):
    """Times of a record, in any unit."""

    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None


class _PlannedModel(msgspec.Struct):
    """A model that is to be written. `place`: in its batch."""

    place: int
    draft: ModelDraft
    owner_id: str
    sharing: Sharing
    created_at: int
    updated_at: int


class ModelTransfer(TransferKind):
    """The kind `models`. Records are read as those of every import of models."""

    name = "models"
    after = ("accounts", "groups")

    def __init__(self, app: AppContext, writer: ModelWriter) -> None:
        self._grants, self._writer = app.permissions.grants, writer

    async def count(self, scope: ExportScope) -> int:
        """Return how many models a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield models as the API shows them to who may write them."""
        async for page in table_pages(_TABLE, scope):
            shared = await self._grants.sharings_of(KIND, [row["id"] for row in page])
            yield [
                msgspec.json.encode(model_document(row, shared.get(row["id"], PRIVATE)))
                for row in page
            ]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import models whose ids are free."""
        outcomes: dict[int, Outcome] = {}
        objects = {place: _timeless(raw) for place, raw in enumerate(records)}
        readable = [place for place, found in objects.items() if found is not None]
        batch = await check_items(
            [msgspec.Raw(objects[place] or b"") for place in readable],
            ImportOptions(actor=_OPERATOR),
        )
        _reject(batch, readable, outcomes)
        planned = await self._plan(batch, readable, records, run, outcomes)
        for some in [] if run.dry_run else chunks(planned, MAX_MODELS):
            try:
                await self._write(some)
            except (UniqueViolation, ForeignKeyViolation):
                for one in some:
                    await self._write_alone(one, outcomes)
        unread = rejected("", "the record is no JSON object with an id")
        return [outcomes.get(place, unread) for place in range(len(records))]

    async def _plan(
        self,
        batch: ImportBatch,
        readable: Sequence[int],
        records: Sequence[bytes],
        run: ImportRun,
        outcomes: dict[int, Outcome],
    ) -> list[_PlannedModel]:
        items = [item for item in batch.items if readable[item.index] not in outcomes]
        there = await _owners_here(items)
        bases = {item.id: base_of(item, None) for item in items}
        depths = chain_depths(bases | await bases_below(bases))
        for error in chain_errors(items, depths):
            outcomes[readable[error.index]] = rejected(error.id or "", error.reason)
        planned = []
        for item in items:
            place = readable[item.index]
            owner_id = run.accounts.get(item.owner_id)
            if place in outcomes:
                continue
            if owner_id is None:
                outcomes[place] = skipped(item.id, run.accounts.reason(item.owner_id))
            elif item.normalized_id in there:
                is_same = there[item.normalized_id] == (item.id, owner_id)
                outcomes[place] = unchanged(item.id) if is_same else skipped(item.id, TAKEN)
            elif bases[item.id] is None and not _may_override(item.owner_id, run):
                outcomes[place] = skipped(item.id, _OVERRIDE)
            else:
                there[item.normalized_id] = item.id, owner_id
                try:
                    planned.append(self._planned(item, place, owner_id, records[place], run))
                except DomainError as error:
                    outcomes[place] = rejected(item.id, reason_of(error))
                else:
                    outcomes[place] = imported(item.id)
        return planned

    def _planned(
        self, item: ModelImportItem, place: int, owner_id: str, raw: bytes, run: ImportRun
    ) -> _PlannedModel:
        draft = draft_of(item, None)
        if not item.is_named:
            draft = msgspec.structs.replace(draft, name=item.id)
        for note in item.notes:
            run.notes.add(self.name, note, item.id)
        # What does not say who has access is private, unlike a model that a user creates.
        wanted = PRIVATE if item.sharing is UNSET else item.sharing
        times = msgspec.json.decode(raw, type=_Times)
        known = [
            at
            for at in (epoch_seconds(times.created_at), epoch_seconds(times.updated_at))
            if at is not None
        ] or [now()]
        sharing = principals_here(wanted, run, self.name, item.id)
        return _PlannedModel(place, draft, owner_id, sharing, known[0], known[-1])

    async def _write_alone(self, one: _PlannedModel, outcomes: dict[int, Outcome]) -> None:
        try:
            await self._write([one])
        except UniqueViolation:
            outcomes[one.place] = skipped(one.draft.id, TAKEN)
        except ForeignKeyViolation:
            outcomes[one.place] = skipped(one.draft.id, "its owner was deleted during the import")

    async def _write(self, some: Sequence[_PlannedModel]) -> None:
        async with transaction():
            await self._writer.begin_change()
            for owner_id in dict.fromkeys(one.owner_id for one in some):
                own = [one for one in some if one.owner_id == owner_id]
                await self._writer.insert_many(
                    [one.draft for one in own],
                    owner_id,
                    by="",
                    at=now(),
                    created_at={one.draft.id: one.created_at for one in own},
                    updated_at={one.draft.id: one.updated_at for one in own},
                )
            await self._grants.write_many(KIND, {one.draft.id: one.sharing for one in some})


def _timeless(raw: bytes) -> bytes | None:
    """Return a record without its times, which are read in any unit; None if it is no JSON object."""
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.json.encode(
        {name: one for name, one in fields.items() if name not in ("created_at", "updated_at")}
    )


def _reject(batch: ImportBatch, readable: Sequence[int], outcomes: dict[int, Outcome]) -> None:
    for error in batch.errors:
        outcomes[readable[error.index]] = rejected(error.id or "", error.reason)


async def _owners_here(items: Sequence[ModelImportItem]) -> dict[str, tuple[str, str]]:
    """Return id and owner of models here whose ids are, or look like, those of the items, by the normalized id."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunks([item.normalized_id for item in items]):
        rows = await fetch_all(_THERE.format(placeholders(len(some))), *some)
        found |= {row["normalized_id"]: (row["id"], row["user_id"]) for row in rows}
    return found


def _may_override(owner_id: str | None, run: ImportRun) -> bool:
    """Return whether a model of a source may be changed by this owner, or by any in an instance that is trusted whole."""
    return run.choices.keep_admins or owner_id in run.administrators
