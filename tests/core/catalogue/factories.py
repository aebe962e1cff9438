"""Sources, records and policy_dir that are plain objects, for the tests of the catalogue."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.catalogue import Catalogue, ModelCard, SourceRequest, SourceResponse, WorkspaceModel
from portico.identity import Account, Actor
from portico.permissions import Resource
from portico.settings.catalogue import ArenaModel, CatalogueSettings
from portico.settings.schema import AccessSettings


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def card(model_id: str, **more: Any) -> ModelCard:
    return ModelCard(
        id=model_id,
        name=more.pop("name", model_id),
        owned_by=more.pop("owned_by", "openai"),
        **more,
    )


def actor(account_id: str = "ann", role: str = "user") -> Actor:
    return Actor(account_id, f"{account_id}@example.org", account_id.title(), role, "", "")


def record(model_id: str, base: str | None = None, **more: Any) -> WorkspaceModel:
    return WorkspaceModel(
        id=model_id,
        owner_id=more.get("owner", "ann"),
        base_model_id=base,
        name=more.get("name", model_id.title()),
        params=raw(more.get("params", {})),
        meta=raw(more.get("meta", {})),
        access_control=raw(more.get("access_control")),
        is_active=more.get("active", True),
        updated_at=2,
        created_at=1,
    )


class Source:
    """A source that lists `models`, or raises `failure`, after `delay` seconds. `asked`: how often."""

    def __init__(self, name: str, *models: str | ModelCard, delay: float = 0) -> None:
        self.name = name
        self.models: list[ModelCard] = [card(m) if isinstance(m, str) else m for m in models]
        self.failure: BaseException | None = None
        self.delay = delay
        self.asked = 0

    async def list_models(self) -> Sequence[ModelCard]:
        self.asked += 1
        await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        return self.models

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        return SourceResponse(body=self.name.encode())


class Records:
    """The workspace's records."""

    def __init__(self, *records: WorkspaceModel) -> None:
        self.records = list(records)
        self.version = 1
        self.past = {0: [], 1: self.records}
        self.asked_since: list[int] = []
        self.forgetful = False

    async def revision(self) -> int:
        return self.version

    async def all(self) -> Sequence[WorkspaceModel]:
        return list(self.records)

    async def since(self, revision: int) -> Mapping[str, WorkspaceModel | None] | None:
        self.asked_since.append(revision)
        if self.forgetful:
            return None
        now, then = ({r.id: r for r in self.past[v]} for v in (self.version, revision))
        return {i: now.get(i) for i in {**now, **then} if now.get(i) is not then.get(i)}

    def change(self, *records: WorkspaceModel) -> None:
        self.records = list(records)
        self.version += 1
        self.past[self.version] = self.records


class Access:
    """Owners may read what is theirs, and people what `readers` says: ids of models by account."""

    def __init__(self, records: Records, readers: dict[str, set[str]], **switches: bool) -> None:
        self._switches = AccessSettings(**switches)
        self.changes = 0
        self._records = records
        self._readers = readers

    async def allows(self, actor: Actor, action: str, resource: Resource) -> bool:
        assert (action, resource.kind) == ("use", "model")
        return (
            await self.allows_on_all(actor, resource.kind, action)
            or bool(resource.relations & {"everyone", "reader"})
            or resource.owner_id == actor.id
            or resource.id in self._readers.get(actor.id, ())
        )

    async def allows_on_all(self, actor: Actor, kind: str, action: str) -> bool:
        return self._switches.bypass_model_access_control or (
            actor.is_admin and self._switches.bypass_admin_access_control
        )

    async def visible_ids(self, actor: Actor, action: str, kind: str) -> set[str]:
        assert (action, kind) == ("use", "model")
        own = {record.id for record in self._records.records if record.owner_id == actor.id}
        return own | self._readers.get(actor.id, set())


class People:
    """All accounts; administrators by name."""

    def __init__(self, *admins: str) -> None:
        self.admins = set(admins)
        self.groups: dict[str, list[str]] = {}

    async def ids_of_account(self, account_id: str) -> list[str]:
        return self.groups.get(account_id, [])

    async def find(self, account_id: str) -> Account | None:
        if account_id == "gone":
            return None
        role = "admin" if account_id in self.admins else "user"
        return Account(
            id=account_id,
            email="",
            role=role,
            name=account_id,
            last_active_at=0,
            updated_at=0,
            created_at=0,
        )


class FixedSettings:
    """Settings that a test changes by assigning others."""

    def __init__(self, settings: CatalogueSettings) -> None:
        self.now = settings

    async def current(self) -> CatalogueSettings:
        return self.now


class World:
    """A catalogue and everything around it."""

    def __init__(
        self,
        *sources: Source,
        records: Sequence[WorkspaceModel] = (),
        readers: dict[str, set[str]] | None = None,
        admins: Sequence[str] = (),
        ttl: float | None = 60,
        limit: float = 0.2,
        order: Sequence[str] = (),
        arenas: Sequence[ArenaModel] | None = None,
        moment: float = 0,
        **switches: bool,
    ) -> None:
        self.records = Records(*records)
        self.people = People(*admins)
        self.access = Access(self.records, readers or {}, **switches)
        self.settings = FixedSettings(
            CatalogueSettings(
                cache_ttl=ttl,
                refresh_timeout=limit,
                model_order=list(order),
                arena=arenas is not None,
                arena_models=list(arenas or ()),
            )
        )
        self.catalogue = Catalogue(
            self.settings,
            self.access,
            self.people,
            self.people,
            moment,
        )
        for source in sources:
            self.catalogue.add_source("plugin", source)
        self.catalogue.set_workspace_models(self.records)

    async def entries(
        self, who: Actor | None = None, refresh: bool = False
    ) -> list[dict[str, Any]]:
        who = who or actor("root", "admin")
        document = msgspec.json.decode(await self.catalogue.entries_json(who, refresh))
        entries: list[dict[str, Any]] = document["data"]
        return entries

    async def ids(self, who: Actor | None = None, refresh: bool = False) -> list[str]:
        return [entry["id"] for entry in await self.entries(who, refresh)]
