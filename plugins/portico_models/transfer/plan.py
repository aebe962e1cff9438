"""What an import would do, found out before anything is written, with all that stands against it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from portico.api import (
    MODEL_ID_TAKEN,
    Actor,
    AppContext,
    DomainError,
    Forbidden,
    InvalidRequest,
    ItemError,
    Resource,
    Sharing,
    chunks,
    fetch_all,
    field_error,
    placeholders,
)
from portico_models.base_models import BaseAccess, load_base_access
from portico_models.records import KIND
from portico_models.sharing_rules import LONGEST_CHAIN, sharing_rights_of
from portico_models.transfer.base_chains import base_of, bases_below, chain_faults
from portico_models.transfer.items import ImportBatch, ImportItem
from portico_models.transfer.restricted_rights import Narrowing

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One record to be written. `is_new`: else there is a row of this id. `sharing`: as it will be.

    `owner_id`: whose a new one is. `notes`: what of its rights is not taken over.
    """

    item: ImportItem
    is_new: bool
    sharing: Sharing
    shares_as_before: bool
    owner_id: str
    notes: Sequence[str] = ()


class ImportPlanner:
    """Plans one import on behalf of somebody.

    `replace_all`: the caller may write every row, whosever it is, and what is not in the list will be gone.
    `is_strict`: users and groups that do not exist here, and sharing that is not the caller's to do, are faults; else
    they are left out of who has access; `tells_missing`: with a note. `keeps_owners`: a new record is its owner's, if there is such an account.
    """

    def __init__(
        self,
        app: AppContext,
        actor: Actor,
        batch: ImportBatch,
        *,
        replace_all: bool,
        is_strict: bool,
        tells_missing: bool,
        keeps_owners: bool,
    ) -> None:
        self._app = app
        self._grants = app.permissions.grants
        self._actor = actor
        self._items: Sequence[ImportItem] = batch.items
        # What stands on one of these is not at fault.
        self._unsound = {fault.id for fault in batch.faults if fault.id}
        self._over_all = replace_all
        self._is_strict = is_strict
        self._tells_missing = tells_missing
        self._keeps_owners = keeps_owners
        self._footing: BaseAccess | None = None

    async def prepare(self) -> None:
        """Learn about bases. Before the transaction, for model sources may have to be asked."""
        before = await self._rows_like(self._items)
        bases = {base_of(item, before.get(item.id)) for item in self._items}
        self._footing = await load_base_access(self._app, self._actor, filter(None, bases))

    async def plan(self) -> tuple[list[PlannedWrite], list[ItemError]]:
        """What to write, and what stands against it. In the transaction, if it is to be written."""
        before = await self._rows_like(self._items)
        steps: list[PlannedWrite] = []
        bases = {item.id: base_of(item, before.get(item.id)) for item in self._items}
        if not self._over_all:
            bases |= await bases_below(bases)
        faults = [*_twice(self._items), *chain_faults(self._items, bases)]
        footing = self._with_own(before)
        reach = await sharing_rights_of(self._app, self._actor)
        may_share_own = await self._app.permissions.allows(
            self._actor, "share", Resource(KIND, "", self._actor.id)
        )
        taken = {one["likeness"]: one["id"] for one in before.values()}
        for some in chunks(self._items):
            there = [item.id for item in some if item.id in before]
            shared = await self._grants.sharings_of(KIND, there)
            missing = await self._grants.missing(
                item.sharing for item in some if item.sharing is not UNSET
            )
            narrowing = Narrowing(missing, reach, self._is_strict, self._tells_missing)
            owners = await self._owners(some, before)
            for item in some:
                row = before.get(item.id)
                try:
                    self._check(item, row, taken, footing)
                    may_share = self._over_all or (row["may_share"] if row else may_share_own)
                    was = shared.get(item.id, self._grants.PRIVATE)
                    sharing, notes = was if row else reach.unsaid, list[str]()
                    if item.sharing is not UNSET:
                        sharing, notes = narrowing.of(item, was, bool(may_share))
                    owner = item.owner if item.owner and item.owner in owners else self._actor.id
                    same = sharing.same_as(was)
                    steps.append(PlannedWrite(item, row is None, sharing, same, owner, notes))
                except DomainError as error:
                    faults.append(ItemError(item.index, item.id, error))
            await asyncio.sleep(0)
        wrong = {fault.index for fault in faults}
        return [step for step in steps if step.item.index not in wrong], faults

    def _check(
        self, item: ImportItem, row: Row | None, taken: Mapping[str, str], footing: BaseAccess
    ) -> None:
        if row is None:
            if taken.get(item.normalized_id, item.id) != item.id and not self._over_all:
                raise InvalidRequest(MODEL_ID_TAKEN)
            if not item.is_named:
                raise field_error("name", "missing", "Field required")
        elif not (self._over_all or row["may_write"]):
            raise Forbidden
        footing.check(item.id, base_of(item, row), dict(row) if row else None)

    async def _owners(self, items: Sequence[ImportItem], before: Mapping[str, Row]) -> set[str]:
        """Of the owners that new records name, those that there are, if they are to be kept."""
        if not self._keeps_owners:
            return set()
        named = {item.owner for item in items if item.id not in before} - {self._actor.id}
        return await self._app.identity.accounts.existing_ids([*filter(None, named)])

    def _with_own(self, before: Mapping[str, Row]) -> BaseAccess:
        """What is made or changed along with it, and the caller's own, counts as a base: it is checked itself."""
        assert self._footing is not None  # `prepare` was called
        own = {
            item.id
            for item in self._items
            if item.id not in before or before[item.id]["user_id"] == self._actor.id
        }
        bases = {item.id: base_of(item, before.get(item.id)) for item in self._items}
        staying = {
            one for one in own if one in before and before[one]["base_model_id"] == bases[one]
        }
        usable = self._footing.usable | (own - staying) | self._unsound
        # A base that stays is not checked; so a preset that keeps one counts only if its owner could use that today.
        for _ in range(LONGEST_CHAIN):
            usable |= {one for one in staying if bases[one] is None or bases[one] in usable}
        return replace(self._footing, usable=usable)

    # -- rows -----------------------------------------------------------------------------------------------

    async def _rows_like(self, items: Sequence[ImportItem]) -> dict[str, Row]:
        """The rows that have one of the ids, or one that a person could take for it, and what is the caller's right."""
        permissions = self._app.permissions
        found: dict[str, Row] = {}
        write = await permissions.allowed_column(self._actor, "write", KIND)
        share = await permissions.allowed_column(
            self._actor, "share", KIND, first=len(write.args) + 1
        )
        args = (*write.args, *share.args)
        keys = (("id", [i.id for i in items]), ("likeness", [i.normalized_id for i in items]))
        for column, values in keys:
            for some in chunks(values):
                for one in await fetch_all(
                    "SELECT id, likeness, user_id, base_model_id, "  # noqa: S608
                    f"({write.sql}) AS may_write, ({share.sql}) AS may_share FROM models_model "
                    f"WHERE {column} IN ({placeholders(len(some), first=len(args) + 1)})",
                    *args,
                    *some,
                ):
                    found[one["id"]] = one
                await asyncio.sleep(0)
        return found


def _twice(items: Iterable[ImportItem]) -> list[ItemError]:
    """Objects whose id stands before them in the list already, or one that a person could take for it."""
    first: dict[str, int] = {}
    faults = []
    for item in items:
        at = first.setdefault(item.normalized_id, item.index)
        if at != item.index:
            error = InvalidRequest(f"[ERROR: id is, or looks like, that of models[{at}]]")
            faults.append(ItemError(item.index, item.id, error))
    return faults
