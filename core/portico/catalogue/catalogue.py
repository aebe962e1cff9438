"""The one place that knows which models there are and who may use them."""

import asyncio
from collections.abc import Container, Iterable, Sequence
from typing import Protocol

import structlog

from portico.cache import BytesCache, TTLCache
from portico.catalogue.arena import Arena, arenas
from portico.catalogue.model_entry import ModelEntry
from portico.catalogue.resolved_model import ResolvedModel
from portico.catalogue.snapshot import CatalogueSnapshot
from portico.catalogue.source import ModelSource, WorkspaceModel, WorkspaceModels
from portico.catalogue.source_cache import CachedSource, SourceStatus
from portico.errors import MODEL_NOT_FOUND, NotFound
from portico.identity import Account, Actor
from portico.permissions import EVERYONE, Resource
from portico.settings.schema import CatalogueSettings

log = structlog.get_logger("portico.catalogue")

#: Seconds after which a list is too old to be shown while a fresh one is on its way.
TOO_OLD = 60.0


class AccessChecker(Protocol):
    """What the catalogue asks of permissions."""

    @property
    def changes(self) -> int:
        """Grows with everything by which an answer may turn out differently."""
        ...

    async def allows(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether somebody may do something with one thing."""
        ...

    async def allows_on_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with everything of a kind."""
        ...

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """The ids of everything of a kind that somebody may do something with. One statement."""
        ...


class AccountLookup(Protocol):
    """What the catalogue needs of `identity.accounts`."""

    async def find(self, account_id: str) -> Account | None:
        """Return the account with this id, or None."""
        ...


class GroupLookup(Protocol):
    """What the catalogue needs of `identity.groups`."""

    async def ids_of_account(self, account_id: str) -> list[str]:
        """Return the ids of the groups of an account."""
        ...


class Catalogue:
    """Every model of every source, under what the workspace says about them.

    Sources are asked in parallel and only when somebody wants to know. A list that has passed its time is shown
    once more while a fresh one is fetched; a source that is down keeps its last list, marked stale. `moment`: seconds
    for which somebody's list is remembered while nothing that this process hears of has changed.
    """

    def __init__(
        self,
        settings: CatalogueSettings,
        law: AccessChecker,
        accounts: AccountLookup,
        groups: GroupLookup,
        moment: float = 0,
    ) -> None:
        self._settings = settings
        self._law = law
        self._accounts, self._groups = accounts, groups
        self._documents = BytesCache(moment)
        self._arenas = arenas(settings)
        self._sources: list[CachedSource] = []
        self._workspace: WorkspaceModels | None = None
        #: As of `_revision`; None = not asked for yet.
        self._records: dict[str, WorkspaceModel] | None = None
        self._revision = 0
        self._owners: TTLCache[tuple[str, int], Actor] = TTLCache(moment)
        self._version = 0
        self._snapshot = CatalogueSnapshot((), ())
        self._snapshot_version = (0, 0)
        self._building = asyncio.Lock()

    def add_source(self, plugin: str, source: ModelSource) -> None:
        """Add a source on behalf of a plugin. Where two offer the same id, the one adopted first keeps it."""
        self._sources.append(CachedSource(plugin, source, self._changed))
        self._changed()

    def remove_sources(self, plugin: str) -> None:
        """Take a plugin's sources away."""
        self._sources = [shelf for shelf in self._sources if shelf.plugin != plugin]
        self._changed()

    def set_workspace_models(self, workspace: WorkspaceModels | None) -> None:
        """Say who keeps the workspace's records; None = nobody does."""
        self._workspace, self._records = workspace, None
        self._changed()

    def start_refresh(self) -> None:
        """Have every source asked now, so that nobody has to wait for the first answer. Returns at once."""
        for shelf in self._sources:
            shelf.refresh()

    async def entries_json(self, actor: Actor, refresh: bool = False) -> bytes:
        """`{"data": […]}` of every model that somebody may use.

        `refresh` asks all sources and waits for them, no longer than the configured limit where there is a
        list already.
        """
        overlay = await self._current_snapshot(refresh)
        key = (actor.id, actor.role, self._snapshot_version, self._law.changes)
        document = self._documents.get(key)
        if document is None:
            document = await self._render_list(overlay, actor)
            self._documents.put(key, document, actor.id)
        return document

    async def base_entries_json(self) -> bytes:
        """`{"data": […]}` of what sources offer, before anything is laid over it. For administrators."""
        return (await self._current_snapshot()).base_document

    async def resolve(self, model_id: str, actor: Actor) -> ResolvedModel:
        """Where a completion for a model goes.

        Raises: NotFound, in the same words whether the model is unknown, hidden, inactive or not for this
        person. Somebody else's preset works for others only as long as its owner may use its base.
        """
        target = await self._find(model_id, actor)
        if target is None and await self._wait_for_pending():
            target = await self._find(model_id, actor)
        if target is None:
            raise NotFound(MODEL_NOT_FOUND)
        return target

    async def is_usable(self, model_id: str, actor: Actor) -> bool:
        """Whether something may stand on the model: `resolve` would find it, and always the same one."""
        entry = (await self._current_snapshot()).by_id.get(model_id)
        return entry is not None and await self._is_usable(actor, entry)

    async def usable_ids(self) -> Container[str]:
        """Ids of all that could be used by somebody: what sources offer, and presets that stand on something."""
        return (await self._current_snapshot()).by_id

    async def reserved_ids(self) -> set[str]:
        """Ids that are taken by what sources offer, and by models that stand for others."""
        overlay = await self._current_snapshot()
        return {*overlay.offered, *overlay.arenas}

    def states(self) -> Sequence[SourceStatus]:
        """How each source is doing, in the order of adoption. For `/ready` and administrators."""
        return [s.state(self._snapshot.shadowed.get(s.source.name, ())) for s in self._sources]

    async def stop(self) -> None:
        """Give up all questions under way."""
        for shelf in self._sources:
            await shelf.stop()

    # -- who may ----------------------------------------------------------------------------------------------

    async def _render_list(self, overlay: CatalogueSnapshot, actor: Actor) -> bytes:
        if await self._law.allows_on_all(actor, "model", "use"):
            return overlay.document
        usable = await self._law.visible_ids(actor, "use", "model") if self._workspace else set()
        usable -= await self._broken_presets(overlay.presets_among(usable), actor)
        usable |= {a.id for a in overlay.arenas.values() if await self._may_use_arena(actor, a)}
        return overlay.render(
            usable,
            opened=await self._law.allows(actor, "use", _without_record(True)),
            closed=await self._law.allows(actor, "use", _without_record(False)),
        )

    async def _find(self, model_id: str, actor: Actor) -> ResolvedModel | None:
        overlay = await self._current_snapshot()
        entry = overlay.by_id.get(model_id)
        if entry is not None:
            return overlay.target(entry) if await self._is_usable(actor, entry) else None
        arena = overlay.arenas.get(model_id)
        if arena is None or not await self._may_use_arena(actor, arena):
            return None
        drawn = await arena.pick(overlay.entries, lambda entry: self._is_usable(actor, entry))
        return overlay.target(drawn) if drawn else None

    async def _is_usable(self, actor: Actor, entry: ModelEntry) -> bool:
        return await self._may_use(actor, entry) and await self._base_is_usable(entry, actor)

    async def _may_use_arena(self, actor: Actor, arena: Arena) -> bool:
        groups = await self._groups.ids_of_account(actor.id) if arena.sharing.shares else ()
        return await self._law.allows(actor, "use", arena.resource(actor, groups))

    async def _may_use(self, actor: Actor, entry: ModelEntry) -> bool:
        resource = (
            Resource("model", entry.record.id, entry.record.owner_id)
            if entry.record
            else _without_record(entry.is_public)
        )
        return await self._law.allows(actor, "use", resource)

    async def _broken_presets(self, presets: Iterable[ModelEntry], actor: Actor) -> set[str]:
        """Ids of the presets that do not stand. Those of one owner on one base stand or fall together."""
        alike: dict[tuple[str, str], list[ModelEntry]] = {}
        for preset in presets:
            if preset.base is not None and preset.record is not None:
                alike.setdefault((preset.record.owner_id, preset.base.id), []).append(preset)
        return {
            preset.id
            for some in alike.values()
            if not await self._base_is_usable(some[0], actor)
            for preset in some
        }

    async def _base_is_usable(self, entry: ModelEntry, actor: Actor) -> bool:
        """Whether a preset opens nothing but what this person, or else its owner, may use today."""
        while entry.base is not None and entry.record is not None:
            if not await self._may_use(actor, entry.base):
                # Remembered as long as nothing is heard of that changes who may do what.
                key = entry.record.owner_id, self._law.changes
                owner = await self._owners.get_or_load(key, self._owner)
                if owner is None or not await self._may_use(owner, entry.base):
                    return False
            entry = entry.base
        return True

    async def _owner(self, key: tuple[str, int]) -> Actor | None:
        account = await self._accounts.find(key[0])
        if account is None:
            return None
        return Actor(account.id, account.email, account.name, account.role, "", "")

    # -- what there is ----------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._version += 1

    async def _current_snapshot(self, refresh: bool = False) -> CatalogueSnapshot:
        await self._refresh_due_sources(refresh)
        revision = await self._workspace.revision() if self._workspace else 0
        if self._snapshot_version != (self._version, revision):
            async with self._building:
                wanted = (self._version, revision)
                if self._snapshot_version != wanted:
                    await self._load_changed_records(revision)
                    self._build(self._new_snapshot(), wanted)
        return self._snapshot

    async def _load_changed_records(self, revision: int) -> None:
        """Learn of the records that have changed: what is newer than the revision is asked for again, never missed."""
        if self._workspace is None:
            self._records = {}
        elif (
            self._records is None or (found := await self._workspace.since(self._revision)) is None
        ):
            self._records = {record.id: record for record in await self._workspace.all()}
        else:
            for model_id, record in found.items():
                if record is None:
                    self._records.pop(model_id, None)
                else:
                    self._records[model_id] = record
        self._revision = revision

    def _new_snapshot(self) -> CatalogueSnapshot:
        records = sorted((self._records or {}).values(), key=_creation_order)
        return CatalogueSnapshot(
            self._sources, records, self._arenas, self._settings.model_order, self._snapshot
        )

    def _build(self, overlay: CatalogueSnapshot, of: tuple[int, int]) -> None:
        for name, ids in overlay.shadowed.items():
            if ids and ids != self._snapshot.shadowed.get(name):
                log.warning(
                    "models are offered twice, the first source keeps them", source=name, ids=ids
                )
        self._snapshot, self._snapshot_version = overlay, of

    async def _refresh_due_sources(self, refresh: bool) -> None:
        """Ask the sources whose list has passed its time; wait only for what cannot be done without."""
        ttl = self._settings.list_ttl
        due = [shelf for shelf in self._sources if refresh or shelf.is_due(ttl)]
        if not due:
            return
        urgent = [
            shelf.refresh()
            for shelf in due
            if refresh or ttl == 0 or not shelf.has_answered or _is_too_stale(shelf)
        ]
        for shelf in due:
            shelf.refresh()
        if urgent:
            await asyncio.wait(urgent, timeout=self._settings.refresh_timeout)
        while self._no_source_loaded() and (asking := self._pending_requests()):
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)

    async def _wait_for_pending(self) -> bool:
        """Wait for lists that are on their way, within the limit; False if none is."""
        asking = self._pending_requests()
        if asking:
            await asyncio.wait(asking, timeout=self._settings.refresh_timeout)
        return bool(asking)

    def _no_source_loaded(self) -> bool:
        return all(shelf.cards is None for shelf in self._sources)

    def _pending_requests(self) -> list["asyncio.Task[object]"]:
        return [shelf.pending for shelf in self._sources if shelf.pending is not None]


def _without_record(is_public: bool) -> Resource:
    """A source's model of which the workspace says nothing."""
    return Resource("model", "", None, frozenset({EVERYONE} if is_public else ()))


def _creation_order(record: WorkspaceModel) -> tuple[int, str]:
    """Records come in the order in which they were made."""
    return record.created_at, record.id


def _is_too_stale(shelf: CachedSource) -> bool:
    """Whether a list that could be had afresh has not been asked for in a long time."""
    return not shelf.reason and shelf.age is not None and shelf.age > TOO_OLD
