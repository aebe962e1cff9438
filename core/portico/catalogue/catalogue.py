"""The one place that knows which models there are and who may use them."""

import asyncio
from collections.abc import Container, Iterable, Sequence
from typing import Protocol

import structlog

from portico.brief import Brief
from portico.catalogue.arena import Arena, arenas
from portico.catalogue.entry import Entry
from portico.catalogue.overlay import Overlay
from portico.catalogue.shelf import Shelf, SourceState
from portico.catalogue.source import ModelSource, WorkspaceModel, WorkspaceModels
from portico.catalogue.target import Target
from portico.documents import Documents
from portico.errors import MODEL_NOT_FOUND, NotFound
from portico.identity import Account, Actor
from portico.permissions import EVERYONE, Resource
from portico.settings.schema import CatalogueSettings

log = structlog.get_logger("portico.catalogue")

#: Seconds after which a list is too old to be shown while a fresh one is on its way.
TOO_OLD = 60.0


class Law(Protocol):
    """What the catalogue asks of permissions."""

    @property
    def changes(self) -> int:
        """Grows with everything by which an answer may turn out differently."""
        ...

    async def decide(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Whether somebody may do something with one thing."""
        ...

    async def may_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Whether somebody may do something with everything of a kind."""
        ...

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """The ids of everything of a kind that somebody may do something with. One statement."""
        ...


class People(Protocol):
    """What the catalogue asks of the directory of accounts."""

    async def find(self, account_id: str) -> Account | None:
        """The account, if there is one."""
        ...

    async def group_ids(self, account_id: str) -> list[str]:
        """The groups somebody is in."""
        ...


class Catalogue:
    """Every model of every source, under what the workspace says about them.

    Sources are asked in parallel and only when somebody wants to know. A list that has passed its time is shown
    once more while a fresh one is fetched; a source that is down keeps its last list, marked stale. `moment`: seconds
    for which somebody's list is remembered while nothing that this process hears of has changed.
    """

    def __init__(
        self, settings: CatalogueSettings, law: Law, people: People, moment: float = 0
    ) -> None:
        self._settings = settings
        self._law = law
        self._people = people
        self._documents = Documents(moment)
        self._arenas = arenas(settings)
        self._shelves: list[Shelf] = []
        self._workspace: WorkspaceModels | None = None
        #: As of `_revision`; None = not asked for yet.
        self._records: dict[str, WorkspaceModel] | None = None
        self._revision = 0
        self._owners: Brief[tuple[str, int], Actor] = Brief(moment)
        self._version = 0
        self._built = Overlay((), ())
        self._built_of = (0, 0)
        self._building = asyncio.Lock()

    def adopt(self, plugin: str, source: ModelSource) -> None:
        """Add a source on behalf of a plugin. Where two offer the same id, the one adopted first keeps it."""
        self._shelves.append(Shelf(plugin, source, self._changed))
        self._changed()

    def disown(self, plugin: str) -> None:
        """Take a plugin's sources away."""
        self._shelves = [shelf for shelf in self._shelves if shelf.plugin != plugin]
        self._changed()

    def lay_over(self, workspace: WorkspaceModels | None) -> None:
        """Say who keeps the workspace's records; None = nobody does."""
        self._workspace, self._records = workspace, None
        self._changed()

    def warm(self) -> None:
        """Have every source asked now, so that nobody has to wait for the first answer. Returns at once."""
        for shelf in self._shelves:
            shelf.ask()

    async def entries_json(self, actor: Actor, refresh: bool = False) -> bytes:
        """`{"data": […]}` of every model that somebody may use.

        `refresh` asks all sources and waits for them, no longer than the configured limit where there is a
        list already.
        """
        overlay = await self._overlay(refresh)
        key = (actor.id, actor.role, self._built_of, self._law.changes)
        document = self._documents.get(key)
        if document is None:
            document = await self._document(overlay, actor)
            self._documents.keep(key, document, actor.id)
        return document

    async def base_entries_json(self) -> bytes:
        """`{"data": […]}` of what sources offer, before anything is laid over it. For administrators."""
        return (await self._overlay()).base_document

    async def resolve(self, model_id: str, actor: Actor) -> Target:
        """Where a completion for a model goes.

        Raises: NotFound, in the same words whether the model is unknown, hidden, inactive or not for this
        person. Somebody else's preset works for others only as long as its owner may use its base.
        """
        target = await self._find(model_id, actor)
        if target is None and await self._hear_out():
            target = await self._find(model_id, actor)
        if target is None:
            raise NotFound(MODEL_NOT_FOUND)
        return target

    async def may_use(self, model_id: str, actor: Actor) -> bool:
        """Whether something may stand on the model: `resolve` would find it, and always the same one."""
        entry = (await self._overlay()).by_id.get(model_id)
        return entry is not None and await self._is_usable(actor, entry)

    async def listed_ids(self) -> Container[str]:
        """Ids of all that could be used by somebody: what sources offer, and presets that stand on something."""
        return (await self._overlay()).by_id

    async def offered_ids(self) -> set[str]:
        """Ids that are taken by what sources offer, and by models that stand for others."""
        overlay = await self._overlay()
        return {*overlay.offered, *overlay.arenas}

    def states(self) -> Sequence[SourceState]:
        """How each source is doing, in the order of adoption. For `/ready` and administrators."""
        return [s.state(self._built.shadowed.get(s.source.name, ())) for s in self._shelves]

    async def stop(self) -> None:
        """Give up all questions under way."""
        for shelf in self._shelves:
            await shelf.stop()

    # -- who may ----------------------------------------------------------------------------------------------

    async def _document(self, overlay: Overlay, actor: Actor) -> bytes:
        if await self._law.may_all(actor, "model", "use"):
            return overlay.document
        usable = await self._law.visible_ids(actor, "use", "model") if self._workspace else set()
        usable -= await self._fallen(overlay.presets_among(usable), actor)
        usable |= {a.id for a in overlay.arenas.values() if await self._may_enter(actor, a)}
        return overlay.document_of(
            usable,
            opened=await self._law.decide(actor, "use", _without_record(True)),
            closed=await self._law.decide(actor, "use", _without_record(False)),
        )

    async def _find(self, model_id: str, actor: Actor) -> Target | None:
        overlay = await self._overlay()
        entry = overlay.by_id.get(model_id)
        if entry is not None:
            return overlay.target(entry) if await self._is_usable(actor, entry) else None
        arena = overlay.arenas.get(model_id)
        if arena is None or not await self._may_enter(actor, arena):
            return None
        drawn = await arena.draw(overlay.entries, lambda entry: self._is_usable(actor, entry))
        return overlay.target(drawn) if drawn else None

    async def _is_usable(self, actor: Actor, entry: Entry) -> bool:
        return await self._may_use(actor, entry) and await self._stands(entry, actor)

    async def _may_enter(self, actor: Actor, arena: Arena) -> bool:
        groups = await self._people.group_ids(actor.id) if arena.open_to.shares else ()
        return await self._law.decide(actor, "use", arena.resource(actor, groups))

    async def _may_use(self, actor: Actor, entry: Entry) -> bool:
        resource = (
            Resource("model", entry.record.id, entry.record.owner_id)
            if entry.record
            else _without_record(entry.is_public)
        )
        return await self._law.decide(actor, "use", resource)

    async def _fallen(self, presets: Iterable[Entry], actor: Actor) -> set[str]:
        """Ids of the presets that do not stand. Those of one owner on one base stand or fall together."""
        alike: dict[tuple[str, str], list[Entry]] = {}
        for preset in presets:
            if preset.base is not None and preset.record is not None:
                alike.setdefault((preset.record.owner_id, preset.base.id), []).append(preset)
        return {
            preset.id
            for some in alike.values()
            if not await self._stands(some[0], actor)
            for preset in some
        }

    async def _stands(self, entry: Entry, actor: Actor) -> bool:
        """Whether a preset opens nothing but what this person, or else its owner, may use today."""
        while entry.base is not None and entry.record is not None:
            if not await self._may_use(actor, entry.base):
                # Remembered as long as nothing is heard of that changes who may do what.
                key = entry.record.owner_id, self._law.changes
                owner = await self._owners.get(key, self._owner)
                if owner is None or not await self._may_use(owner, entry.base):
                    return False
            entry = entry.base
        return True

    async def _owner(self, key: tuple[str, int]) -> Actor | None:
        account = await self._people.find(key[0])
        if account is None:
            return None
        return Actor(account.id, account.email, account.name, account.role, "", "")

    # -- what there is ----------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._version += 1

    async def _overlay(self, refresh: bool = False) -> Overlay:
        await self._restock(refresh)
        revision = await self._workspace.revision() if self._workspace else 0
        if self._built_of != (self._version, revision):
            async with self._building:
                wanted = (self._version, revision)
                if self._built_of != wanted:
                    await self._catch_up(revision)
                    self._build(self._laid_over(), wanted)
        return self._built

    async def _catch_up(self, revision: int) -> None:
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

    def _laid_over(self) -> Overlay:
        records = sorted((self._records or {}).values(), key=_age)
        return Overlay(self._shelves, records, self._arenas, self._settings.order, self._built)

    def _build(self, overlay: Overlay, of: tuple[int, int]) -> None:
        for name, ids in overlay.shadowed.items():
            if ids and ids != self._built.shadowed.get(name):
                log.warning(
                    "models are offered twice, the first source keeps them", source=name, ids=ids
                )
        self._built, self._built_of = overlay, of

    async def _restock(self, refresh: bool) -> None:
        """Ask the sources whose list has passed its time; wait only for what cannot be done without."""
        ttl = self._settings.lasts
        due = [shelf for shelf in self._shelves if refresh or shelf.is_due(ttl)]
        if not due:
            return
        urgent = [
            shelf.ask()
            for shelf in due
            if refresh or ttl == 0 or not shelf.was_asked or _too_old(shelf)
        ]
        for shelf in due:
            shelf.ask()
        if urgent:
            await asyncio.wait(urgent, timeout=self._settings.limit)
        while self._has_nothing() and (asking := self._asking()):
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)

    async def _hear_out(self) -> bool:
        """Wait for lists that are on their way, within the limit; False if none is."""
        asking = self._asking()
        if asking:
            await asyncio.wait(asking, timeout=self._settings.limit)
        return bool(asking)

    def _has_nothing(self) -> bool:
        return all(shelf.cards is None for shelf in self._shelves)

    def _asking(self) -> list["asyncio.Task[object]"]:
        return [shelf.asking for shelf in self._shelves if shelf.asking is not None]


def _without_record(is_public: bool) -> Resource:
    """A source's model of which the workspace says nothing."""
    return Resource("model", "", None, frozenset({EVERYONE} if is_public else ()))


def _age(record: WorkspaceModel) -> tuple[int, str]:
    """Records come in the order in which they were made."""
    return record.created_at, record.id


def _too_old(shelf: Shelf) -> bool:
    """Whether a list that could be had afresh has not been asked for in a long time."""
    return not shelf.reason and shelf.age is not None and shelf.age > TOO_OLD
