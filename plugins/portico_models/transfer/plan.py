"""Plans an import: which models would be written, and every error, before anything is written."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from portico.api import AppContext, DomainError, Forbidden, InvalidRequest
from portico.api.db import chunks, fetch_all, placeholders
from portico.api.json import ItemError, field_error
from portico.api.messages import MODEL_ID_TAKEN
from portico.api.models import MAX_CHAIN_LENGTH
from portico.api.policy import Resource, Sharing
from portico_models.records.resource_kind import KIND
from portico_models.transfer.base_chains import (
    base_of,
    bases_below,
    chain_depths,
    chain_errors,
)
from portico_models.transfer.items import ImportBatch, ModelImportItem
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.sharing_restriction import SharingRestriction
from portico_models.workspace.access import model_table
from portico_models.workspace.base_models import BaseAccess, load_base_access

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One model to write. `is_new`: otherwise there is a row with this id. `sharing`: after the import.

    `owner_id`: owner of a new model. `depth`: number of presets in its chain of base models, itself included.
    `notes`: grants that are not imported.
    """

    item: ModelImportItem
    is_new: bool
    sharing: Sharing
    sharing_unchanged: bool
    owner_id: str
    depth: int
    notes: Sequence[str] = ()


class ImportPlanner:
    """Plans one import. In a sync, the actor may write every row of every owner."""

    def __init__(self, app: AppContext, options: ImportOptions, batch: ImportBatch) -> None:
        self._app = app
        self._options = options
        self._grants = app.permissions.grants
        self._actor = options.actor
        self._items: Sequence[ModelImportItem] = batch.items
        # Models based on one of these are not reported as errors, too.
        self._rejected_ids = {fault.id for fault in batch.errors if fault.id}
        self._base_access: BaseAccess | None = None
        self._items_by_id = {item.id: item for item in self._items}
        #: The base of each object, as of the last plan.
        self._bases: dict[str, str | None] = {}

    async def prepare(self) -> None:
        """Load which bases may be used. Call it before the transaction, because model sources may have to be queried."""
        before = await self._matching_rows(self._items)
        self._bases = {item.id: base_of(item, before.get(item.id)) for item in self._items}
        bases = {*self._bases.values()}
        self._base_access = await load_base_access(self._app, self._actor, filter(None, bases))

    async def plan(self) -> tuple[list[PlannedWrite], list[ItemError]]:
        """Return the writes of all objects, and all errors. Call it in the transaction, if there is one."""
        duplicates = _duplicate_errors(self._items)
        steps, errors = await self.plan_items(self._items)
        rejected = {error.index for error in duplicates}
        return [step for step in steps if step.item.index not in rejected], [*duplicates, *errors]

    async def plan_items(
        self, items: Sequence[ModelImportItem]
    ) -> tuple[list[PlannedWrite], list[ItemError]]:
        """Plan some of the objects. Those that they are based on were written before, or are among them."""
        related = self._with_imported_bases(items)
        before = await self._matching_rows(related)
        steps: list[PlannedWrite] = []
        bases = {item.id: base_of(item, before.get(item.id)) for item in items}
        self._bases |= bases
        below = await bases_below(bases)
        if self._options.replace_all:  # all others are deleted
            below = {one: base for one, base in below.items() if one in self._items_by_id}
        depths = chain_depths(bases | below)
        errors = chain_errors(items, depths)
        base_access = self._base_access_with_imported(related, before)
        rights = await model_table(self._app).rights_of(self._actor)
        may_share_own = await self._app.permissions.allows(
            self._actor, "share", Resource(KIND, "", self._actor.id)
        )
        ids_by_normalized = {one["normalized_id"]: one["id"] for one in before.values()}
        for batch in chunks(items):
            existing = [item.id for item in batch if item.id in before]
            sharings = await self._grants.sharings_of(KIND, existing)
            missing = await self._grants.missing(
                item.sharing for item in batch if item.sharing is not UNSET
            )
            restriction = SharingRestriction(
                missing, rights, self._options.is_strict, self._options.reports_missing
            )
            owners = await self._owners(batch, before)
            for item in batch:
                row = before.get(item.id)
                try:
                    self._check(item, row, ids_by_normalized, base_access)
                    may_share = self._options.replace_all or (
                        row["may_share"] if row else may_share_own
                    )
                    previous = sharings.get(item.id, self._grants.PRIVATE)
                    sharing, notes = previous if row else rights.default_sharing, list[str]()
                    if item.sharing is not UNSET:
                        sharing, notes = restriction.restrict(item, previous, bool(may_share))
                    owner = (
                        item.owner_id
                        if item.owner_id and item.owner_id in owners
                        else self._actor.id
                    )
                    steps.append(
                        PlannedWrite(
                            item=item,
                            is_new=row is None,
                            sharing=sharing,
                            sharing_unchanged=sharing.same_as(previous),
                            owner_id=owner,
                            depth=depths[item.id] or 0,
                            notes=notes,
                        )
                    )
                except DomainError as error:
                    errors.append(ItemError(item.index, item.id, error))
            await asyncio.sleep(0)
        rejected = {fault.index for fault in errors}
        return [step for step in steps if step.item.index not in rejected], errors

    async def find_obstacles(self, items: Iterable[ModelImportItem]) -> list[str]:
        """Return the ids of stored models that are not in the list, and that have to be deleted before these are written.

        Their ids look like that of one of these, or one of these is based on them, so that a cycle could arise.
        """
        found: set[str] = set()
        keys = (
            ("normalized_id", [item.normalized_id for item in items]),
            ("id", [base for item in items if (base := self._bases[item.id])]),
        )
        for column, values in keys:
            for batch in chunks(values):
                sql = f"SELECT id FROM models_model WHERE {column} IN ({placeholders(len(batch))})"  # noqa: S608
                found |= {one["id"] for one in await fetch_all(sql, *batch)}
        return sorted(found - self._items_by_id.keys())

    def _with_imported_bases(self, items: Sequence[ModelImportItem]) -> Sequence[ModelImportItem]:
        """Return objects, and those of the list on which they are based, directly or not."""
        related = {item.id: item for item in items}
        if len(related) == len(self._items):
            return items
        for item in items:
            base = self._bases[item.id]
            while base in self._items_by_id and base not in related:
                related[base] = self._items_by_id[base]
                base = self._bases[base]
        return list(related.values())

    def _check(
        self,
        item: ModelImportItem,
        row: Row | None,
        ids_by_normalized: Mapping[str, str],
        base_access: BaseAccess,
    ) -> None:
        if row is None:
            if (
                ids_by_normalized.get(item.normalized_id, item.id) != item.id
                and not self._options.replace_all
            ):
                raise InvalidRequest(MODEL_ID_TAKEN)
            if not item.is_named:
                raise field_error("name", "missing", "Field required")
        elif not (self._options.replace_all or row["may_write"]):
            raise Forbidden
        base_access.check(item.id, base_of(item, row), dict(row) if row else None)

    async def _owners(
        self, items: Sequence[ModelImportItem], before: Mapping[str, Row]
    ) -> set[str]:
        """Return the existing accounts that new models name as owner, if owners are imported."""
        if not self._options.keeps_owners:
            return set()
        named = {item.owner_id for item in items if item.id not in before} - {self._actor.id}
        return await self._app.identity.accounts.existing_ids([*filter(None, named)])

    def _base_access_with_imported(
        self, items: Iterable[ModelImportItem], before: Mapping[str, Row]
    ) -> BaseAccess:
        """Also count imported models and the actor's own ones as usable bases: each is checked itself."""
        assert self._base_access is not None  # `prepare` was called
        own = {
            item.id
            for item in items
            if item.id not in before or before[item.id]["user_id"] == self._actor.id
        }
        bases = {item.id: base_of(item, before.get(item.id)) for item in items}
        staying = {
            one for one in own if one in before and before[one]["base_model_id"] == bases[one]
        }
        usable = self._base_access.usable_ids | (own - staying) | self._rejected_ids
        # A base that stays is not checked; so a preset with such a base counts only if its owner may use that base now.
        for _ in range(MAX_CHAIN_LENGTH):
            usable |= {one for one in staying if bases[one] is None or bases[one] in usable}
        return replace(self._base_access, usable_ids=usable)

    # -- rows -----------------------------------------------------------------------------------------------

    async def _matching_rows(self, items: Sequence[ModelImportItem]) -> dict[str, Row]:
        """Return the rows with one of the ids, or one that looks like it, with what the actor may do to them."""
        permissions = self._app.permissions
        rows: dict[str, Row] = {}
        write = await permissions.allowed_column(self._actor, "write", KIND)
        share = await permissions.allowed_column(
            self._actor, "share", KIND, first=len(write.args) + 1
        )
        args = (*write.args, *share.args)
        keys = (("id", [i.id for i in items]), ("normalized_id", [i.normalized_id for i in items]))
        for column, values in keys:
            for batch in chunks(values):
                for one in await fetch_all(
                    "SELECT id, normalized_id, user_id, base_model_id, "  # noqa: S608
                    f"({write.sql}) AS may_write, ({share.sql}) AS may_share FROM models_model "
                    f"WHERE {column} IN ({placeholders(len(batch), first=len(args) + 1)})",
                    *args,
                    *batch,
                ):
                    rows[one["id"]] = one
                await asyncio.sleep(0)
        return rows


def _duplicate_errors(items: Iterable[ModelImportItem]) -> list[ItemError]:
    """Return errors of objects whose id, or one that looks like it, is also that of an earlier object."""
    first: dict[str, int] = {}
    errors = []
    for item in items:
        at = first.setdefault(item.normalized_id, item.index)
        if at != item.index:
            error = InvalidRequest(f"[ERROR: id is, or looks like, that of models[{at}]]")
            errors.append(ItemError(item.index, item.id, error))
    return errors
