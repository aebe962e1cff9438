"""Who may use which models: by the policies, and for presets also by their base models."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from portico.cache import TTLCache
from portico.catalogue.arena import Arena
from portico.catalogue.model_entry import ModelEntry
from portico.db import in_transaction
from portico.identity import Account, Actor
from portico.permissions import EVERYONE, Resource


class AccessChecker(Protocol):
    """The part of `Permissions` that the catalogue uses."""

    @property
    def changes(self) -> int:
        """A counter that grows with every event after which decisions may differ."""
        ...

    async def allows(self, actor: Actor, action: str, resource: Resource) -> bool:
        """Return whether the actor may do this to one resource."""
        ...

    async def allows_on_all(self, actor: Actor, kind: str, action: str) -> bool:
        """Return whether the actor may do this to every resource of a kind."""
        ...

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        """Return the ids of all resources of a kind to which the actor may do this. One statement."""
        ...


class CatalogueAccounts(Protocol):
    """What the catalogue needs of `identity.accounts`."""

    async def find(self, account_id: str) -> Account | None:
        """Return the account with this id, or None."""
        ...


class GroupLookup(Protocol):
    """What the catalogue needs of `identity.groups`."""

    async def ids_of_account(self, account_id: str) -> list[str]:
        """Return the ids of the groups of an account."""
        ...


class _Decision(NamedTuple):
    """Whether an actor may use a model. `entry`: the model as it was then; a changed one is another object."""

    entry: ModelEntry
    may_use: bool


class ModelAccess:
    """Decides which models an actor may use. `ttl_seconds`: how long decisions and the owner of a preset are cached."""

    def __init__(
        self,
        access: AccessChecker,
        accounts: CatalogueAccounts,
        groups: GroupLookup,
        ttl_seconds: float = 0,
    ) -> None:
        self._access = access
        self._accounts, self._groups = accounts, groups
        self._owners: TTLCache[tuple[str, int], Actor] = TTLCache(ttl_seconds)
        self._caches = ttl_seconds > 0
        self.cache: TTLCache[tuple[str, str, str, int], _Decision] = TTLCache(ttl_seconds)

    @property
    def changes(self) -> int:
        """A counter that grows with every event after which decisions may differ."""
        return self._access.changes

    async def may_use_all(self, actor: Actor) -> bool:
        """Return whether the actor may use every model."""
        return await self._access.allows_on_all(actor, "model", "use")

    async def may_use_unrecorded(self, actor: Actor, is_public: bool) -> bool:
        """Return whether the actor may use the models of sources that have no record, public ones or the others."""
        return await self._access.allows(actor, "use", _without_record(is_public))

    async def recorded_ids(self, actor: Actor) -> set[str]:
        """Return the ids of the records whose models the actor may use, whatever their base models. One statement."""
        return await self._access.visible_ids(actor, "use", "model")

    async def may_use(self, actor: Actor, entry: ModelEntry) -> bool:
        """Return whether the actor may use a model, and all its base models may be used.

        Cached until an event after which decisions may differ; not inside a transaction, whose changes others do not see.
        """

        async def decide(_: object) -> _Decision:
            allowed = await self._allows(actor, entry)
            return _Decision(entry, allowed and await self._base_is_usable(entry, actor))

        found = None
        if self._caches and not in_transaction():
            key = actor.id, actor.role, entry.id, self._access.changes
            found = await self.cache.get_or_load(key, decide)
        if found is None or found.entry is not entry:
            found = await decide(None)
        return found.may_use

    async def may_use_arena(self, actor: Actor, arena: Arena) -> bool:
        """Return whether the actor may use an arena model."""
        groups = await self._groups.ids_of_account(actor.id) if arena.sharing.shares else ()
        return await self._access.allows(actor, "use", arena.resource(actor, groups))

    async def broken_presets(self, presets: Iterable[ModelEntry], actor: Actor) -> set[str]:
        """Return the ids of presets whose base model may not be used. Checked once for each owner and base model."""
        by_base: dict[tuple[str, str], list[ModelEntry]] = {}
        for preset in presets:
            if preset.base is not None and preset.record is not None:
                by_base.setdefault((preset.record.owner_id, preset.base.id), []).append(preset)
        return {
            preset.id
            for group in by_base.values()
            if not await self._base_is_usable(group[0], actor)
            for preset in group
        }

    async def _allows(self, actor: Actor, entry: ModelEntry) -> bool:
        resource = (
            Resource("model", entry.record.id, entry.record.owner_id)
            if entry.record
            else _without_record(entry.is_public)
        )
        return await self._access.allows(actor, "use", resource)

    async def _base_is_usable(self, entry: ModelEntry, actor: Actor) -> bool:
        """Return whether the actor, or else the owner of the preset, may use all base models of a preset."""
        while entry.base is not None and entry.record is not None:
            if not await self._allows(actor, entry.base):
                # Cached until an event after which decisions may differ.
                key = entry.record.owner_id, self._access.changes
                owner = await self._owners.get_or_load(key, self._owner)
                if owner is None or not await self._allows(owner, entry.base):
                    return False
            entry = entry.base
        return True

    async def _owner(self, key: tuple[str, int]) -> Actor | None:
        account = await self._accounts.find(key[0])
        return None if account is None else Actor.of(account)


def _without_record(is_public: bool) -> Resource:
    """Return a source's model without a record as a resource."""
    return Resource("model", "", None, frozenset({EVERYONE} if is_public else ()))
