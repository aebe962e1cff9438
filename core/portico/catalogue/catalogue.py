"""The model catalogue: which models there are, and who may use them."""

import asyncio
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from portico.cache import BytesCache, TTLCache
from portico.catalogue.access import AccessChecker, CatalogueAccounts, GroupLookup, ModelAccess
from portico.catalogue.arena import Arena
from portico.catalogue.current_settings import CatalogueSettingsReader, CurrentSettings
from portico.catalogue.list_announcement import ListAnnouncer
from portico.catalogue.message_action import MessageAction, MessageActions
from portico.catalogue.model_entry import ModelEntry
from portico.catalogue.resolved_model import ResolvedModel
from portico.catalogue.snapshot import CatalogueSnapshot
from portico.catalogue.source import ModelSource, SourceProvider, WorkspaceModels
from portico.catalogue.source_cache import CachedSource, LogFailure, SourceStatus
from portico.catalogue.source_list import SourceList
from portico.catalogue.workspace_records import WorkspaceRecords
from portico.errors import MODEL_NOT_FOUND, NotFound
from portico.events import EventBus
from portico.identity import Actor
from portico.instances import InstanceChannel
from portico.periodic_task import PeriodicTask

log = structlog.get_logger("portico.catalogue")

#: Seconds after which an expired list is not used any more while a new one is loaded.
MAX_STALE_SECONDS = 60.0
#: Seconds between two background refreshes of expired lists, so that no request waits for one that is too old.
BACKGROUND_SECONDS = 30.0
#: Seconds after the last request for which they go on.
BACKGROUND_USE_SECONDS = 3600.0
#: Lists that live longer than this are refreshed on all instances when one is asked to.
MAX_UNTOLD_SECONDS = 1.0


class Catalogue:
    """All models of all sources, with the records of the workspace.

    Sources are queried in parallel, when a request needs them, and in the background for an hour after that. The lists are
    in the memory of each process, so each refreshes its own. An expired list is used while a new one is loaded; a source
    that fails keeps its last list, marked stale. `ttl_seconds`: how long the list of an actor is cached, unless
    this process learns of a change. `channel`: through which the other instances learn of new lists. `events`: for alerts.
    """

    def __init__(
        self,
        settings: CatalogueSettingsReader,
        access: AccessChecker,
        accounts: CatalogueAccounts,
        groups: GroupLookup,
        ttl_seconds: float = 0,
        *,
        channel: InstanceChannel | None = None,
        events: EventBus | None = None,
        log_failure: LogFailure | None = None,
    ) -> None:
        self._settings, self._events = CurrentSettings(settings), events
        self._access = ModelAccess(access, accounts, groups, ttl_seconds)
        self._documents = BytesCache(ttl_seconds)
        self._sources = SourceList(self._list_changed, self._changed, log_failure)
        self._records = WorkspaceRecords()
        self._actions = MessageActions()
        self._version = 0
        self._snapshot = CatalogueSnapshot((), ())
        self._snapshot_version = (0, 0)
        self._building = asyncio.Lock()
        self._used_at = float("-inf")
        self._refresher = PeriodicTask(
            "model lists", lambda: BACKGROUND_SECONDS, self._refresh_in_background
        )
        self._announcer = ListAnnouncer(channel, lambda: self._sources) if channel else None

    @property
    def caches(self) -> Mapping[str, TTLCache[Any, Any] | BytesCache]:
        """The caches by name, for operators."""
        return {"model_decisions": self._access.cache, "model_lists": self._documents}

    def add_source(self, plugin: str, source: ModelSource | SourceProvider) -> None:
        """Add a source of a plugin, or the provider of all its sources.

        If two sources offer the same id, both may be asked; the card of the one added first is listed, and decides who may
        use the model. The order of plugins is that of their first source.
        """
        self._sources.add(plugin, source)

    def replace_sources(self, plugin: str, sources: Iterable[ModelSource]) -> None:
        """Give a plugin other sources, in force at once.

        A source that stays is the same object, and keeps its list of models; requests to one that is removed go on.
        """
        self._sources.replace(plugin, sources)

    def remove_sources(self, plugin: str) -> None:
        """Remove the sources of a plugin."""
        self._sources.remove(plugin)

    def set_workspace_models(self, workspace: WorkspaceModels | None) -> None:
        """Set the service that provides the workspace's records; None = there are no records."""
        self._records = WorkspaceRecords(workspace)
        self._changed()

    def set_actions(self, actions: Sequence[MessageAction]) -> None:
        """Set the actions of all plugins, which the entries of their models list."""
        self._actions = MessageActions({one.id: one for one in actions})
        self._changed()

    async def start_refresh(self) -> None:
        """Start loading the lists of all sources, so that the first request need not wait. Does not wait for them."""
        await self._sources.update()
        for source in self._sources:
            source.refresh()

    async def entries_json(self, actor: Actor, refresh: bool = False) -> bytes:
        """Return `{"data": […]}` with every model that the actor may use.

        `refresh`: load the lists of all sources first, but wait no longer than the configured limit if there is a
        list already.
        """
        snapshot = await self._current_snapshot(refresh)
        key = (actor.id, actor.role, self._snapshot_version, self._access.changes)
        document = self._documents.get(key)
        if document is None:
            document = await self._render_list(snapshot, actor)
            self._documents.put(key, document, actor.id)
        return document

    async def entry_json(self, model_id: str, actor: Actor) -> bytes:
        """Return the entry of one model. Raises: NotFound, as `resolve`."""
        item = await self._find_item(model_id, actor)
        if item is None and await self._wait_for_pending():
            item = await self._find_item(model_id, actor)
        if item is None:
            raise NotFound(MODEL_NOT_FOUND, code="model_not_found")
        return item.json

    async def base_entries_json(self) -> bytes:
        """Return `{"data": […]}` with the models of sources, without records. For administrators."""
        return (await self._current_snapshot()).base_document

    async def resolve(self, model_id: str, actor: Actor) -> ResolvedModel:
        """Return where a completion request for a model goes.

        Raises: NotFound, with the same message whether the model is unknown, hidden, inactive or not allowed for the
        actor. A preset of another owner works only as long as its owner may use its base model.
        """
        target = await self._find(model_id, actor)
        if target is None and await self._wait_for_pending():
            target = await self._find(model_id, actor)
        if target is None:
            raise NotFound(MODEL_NOT_FOUND, code="model_not_found")
        return target

    async def actions_of(self, model_id: str) -> Sequence[MessageAction]:
        """Return the actions of a model; of one that is not known, those that all have. Checks no access."""
        entry = (await self._current_snapshot()).by_id.get(model_id)
        meta = msgspec.json.decode(entry.record.meta) if entry and entry.record else {}
        return self._actions.of(meta if isinstance(meta, dict) else {})

    async def find_for_operator(self, model_id: str) -> ResolvedModel | None:
        """Return where requests for a model go that an administrator has chosen for everyone, without checking access.

        None if there is no such model.
        """
        target = await self._find_unchecked(model_id)
        if target is None and await self._wait_for_pending():
            target = await self._find_unchecked(model_id)
        return target

    async def is_usable(self, model_id: str, actor: Actor) -> bool:
        """Return whether a preset may be based on the model: `resolve` finds it, and always the same one."""
        entry = (await self._current_snapshot()).by_id.get(model_id)
        return entry is not None and await self._access.may_use(actor, entry)

    async def usable_ids(self) -> Container[str]:
        """Return the ids of all models that an account could use: of sources, and presets whose base model exists."""
        return (await self._current_snapshot()).by_id

    async def reserved_ids(self) -> set[str]:
        """Return the ids that presets cannot have: of the models of sources, and of arena models."""
        snapshot = await self._current_snapshot()
        return {*snapshot.source_model_ids, *snapshot.arenas}

    def statuses(self) -> Sequence[SourceStatus]:
        """Return the status of each source, in the order in which they were added. For `/ready` and administrators."""
        return [self._status(one) for one in self._sources]

    def sources(self) -> Sequence[ModelSource]:
        """Return all sources, in the order in which they were added."""
        return [one.source for one in self._sources]

    def plugin_of(self, source: ModelSource) -> str:
        """Return the plugin that a source belongs to; empty = it is in the catalogue no more."""
        return next((one.plugin for one in self._sources if one.source is source), "")

    async def update_sources(self) -> None:
        """Learn which sources there are now, of plugins whose sources change. Asks no source."""
        await self._sources.update()

    async def check(self, name: str) -> tuple[ModelSource, SourceStatus] | None:
        """Load the list of one source now, and return the source with its status after that; None = there is none."""
        await self._sources.update()
        for one in self._sources:
            if one.source.name == name:
                await asyncio.wait([one.reload()])
                await self._current_snapshot()
                return one.source, self._status(one)
        return None

    def start(self) -> None:
        """Begin to refresh expired lists in the background. Needs a running event loop."""
        self._refresher.start()

    async def stop(self) -> None:
        """Cancel all running refreshes."""
        await self._refresher.stop()
        if self._announcer is not None:
            self._announcer.stop()
        for source in self._sources:
            await source.stop()

    def _status(self, one: CachedSource) -> SourceStatus:
        name = one.source.name
        shared, shadowed = self._snapshot.shared, self._snapshot.shadowed
        return one.status(shared.get(name, ()), shadowed.get(name, ()))

    # -- one actor ------------------------------------------------------------------------------------------

    async def _render_list(self, snapshot: CatalogueSnapshot, actor: Actor) -> bytes:
        if await self._access.may_use_all(actor):
            return snapshot.document
        usable = await self._access.recorded_ids(actor) if self._records.has_workspace else set()
        usable -= await self._access.broken_presets(snapshot.presets_among(usable), actor)
        usable |= {
            one.id
            for one in snapshot.arenas.values()
            if await self._access.may_use_arena(actor, one)
        }
        return snapshot.render(
            usable,
            include_public=await self._access.may_use_unrecorded(actor, is_public=True),
            include_private=await self._access.may_use_unrecorded(actor, is_public=False),
        )

    async def _find_item(self, model_id: str, actor: Actor) -> ModelEntry | Arena | None:
        """Return an item of the actor's list."""
        snapshot = await self._current_snapshot()
        entry = snapshot.by_id.get(model_id)
        if entry is not None:
            return entry if await self._access.may_use(actor, entry) else None
        arena = snapshot.arenas.get(model_id)
        is_usable = arena is not None and await self._access.may_use_arena(actor, arena)
        return arena if is_usable else None

    async def _find(self, model_id: str, actor: Actor) -> ResolvedModel | None:
        found = await self._find_item(model_id, actor)
        snapshot = self._snapshot
        if not isinstance(found, Arena):
            return snapshot.resolve(found) if found else None
        picked = await found.pick(
            snapshot.entries, lambda entry: self._access.may_use(actor, entry)
        )
        return _picked(snapshot, picked, model_id)

    async def _find_unchecked(self, model_id: str) -> ResolvedModel | None:
        snapshot = await self._current_snapshot()
        entry = snapshot.by_id.get(model_id)
        if entry is None and (arena := snapshot.arenas.get(model_id)) is not None:
            picked = await arena.pick(snapshot.entries, _is_usable_by_operator)
            return _picked(snapshot, picked, model_id)
        return snapshot.resolve(entry) if entry else None

    # -- snapshots --------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._version += 1

    def _list_changed(self, source: CachedSource, is_new: bool) -> None:
        self._changed()
        if is_new and self._announcer is not None:
            self._announcer.announce([source])
        if self._events is not None and (alert := source.alert()):
            self._events.publish(alert)

    async def _current_snapshot(self, refresh: bool = False) -> CatalogueSnapshot:
        if await self._settings.refresh():
            self._changed()
        await self._refresh_due_sources(refresh)
        revision = await self._records.revision()
        if self._snapshot_version != (self._version, revision):
            async with self._building:
                wanted = (self._version, revision)
                if self._snapshot_version != wanted:
                    await self._records.load(revision)
                    self._build(self._new_snapshot(), wanted)
        return self._snapshot

    def _new_snapshot(self) -> CatalogueSnapshot:
        return CatalogueSnapshot(
            list(self._sources),
            self._records.in_order(),
            self._settings.arenas,
            self._settings.now.model_order,
            self._snapshot,
            actions=self._actions,
        )

    def _build(self, snapshot: CatalogueSnapshot, of: tuple[int, int]) -> None:
        for name, ids in snapshot.shadowed.items():
            if ids and ids != self._snapshot.shadowed.get(name):
                log.warning(
                    "a source is not asked for models that an earlier one offers to more users, or as local ones",
                    source=name,
                    ids=ids,
                )
        self._snapshot, self._snapshot_version = snapshot, of

    async def _refresh_due_sources(self, refresh: bool) -> None:
        """Refresh the sources whose list has expired; wait only for lists that are needed."""
        await self._sources.update()
        ttl, self._used_at = self._settings.now.list_ttl, time.monotonic()
        due = [source for source in self._sources if refresh or source.is_due(ttl)]
        if not due:
            return
        urgent = [
            source.reload() if refresh else source.refresh()
            for source in due
            if refresh
            or ttl == 0
            or not source.has_answered
            or source.is_older_than(MAX_STALE_SECONDS)
        ]
        for source in due:
            source.refresh()
        if refresh and self._announcer is not None and (ttl is None or ttl > MAX_UNTOLD_SECONDS):
            self._announcer.announce(due)
        if urgent:
            await asyncio.wait(urgent, timeout=self._settings.now.refresh_timeout)
        while self._no_source_loaded() and (pending := self._pending_requests()):
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    async def _refresh_in_background(self) -> None:
        ttl = self._settings.now.list_ttl
        if ttl == 0 or time.monotonic() - self._used_at > BACKGROUND_USE_SECONDS:
            return
        for source in self._sources:
            if source.is_due(ttl):
                source.refresh()

    async def _wait_for_pending(self) -> bool:
        """Wait for running refreshes, within the limit; False if there are none."""
        pending = self._pending_requests()
        if pending:
            await asyncio.wait(pending, timeout=self._settings.now.refresh_timeout)
        return bool(pending)

    def _no_source_loaded(self) -> bool:
        return all(source.cards is None for source in self._sources)

    def _pending_requests(self) -> list["asyncio.Task[object]"]:
        return [source.pending for source in self._sources if source.pending is not None]


def _picked(
    snapshot: CatalogueSnapshot, entry: ModelEntry | None, arena_id: str
) -> ResolvedModel | None:
    """Return where requests for an arena model go now; None if it has found no model."""
    if entry is None:
        return None
    return msgspec.structs.replace(snapshot.resolve(entry), arena_id=arena_id)


async def _is_usable_by_operator(_: ModelEntry) -> bool:
    return True
