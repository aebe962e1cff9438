"""Models that stand for others: which ones, who may use them, and the lot that is drawn."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from portico.catalogue.model_entry import ModelEntry
from portico.db import now
from portico.errors import InvalidRequest, ValidationError
from portico.identity import Actor
from portico.permissions import EVERYONE, READER, Resource, Sharing, read_rights
from portico.settings.schema import ArenaModel, CatalogueSettings

#: The one there is where none is configured. Source: the API's clients.
DEFAULT = ArenaModel("arena-model", "Arena Model", {"description": None, "model_ids": None})


class Arena(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One such model. `line`: its JSON in the list of models. `sharing`: who may use it."""

    id: str
    name: str
    meta: Mapping[str, Any]
    sharing: Sharing
    json: bytes

    def resource(self, actor: Actor, group_ids: Sequence[str]) -> Resource:
        """What a decision needs to know: it has no row, so what ties somebody to it stands in its settings."""
        ties = set()
        for share in self.sharing.shares:
            if share.principal_kind == "everyone":
                ties.add(EVERYONE)
            elif share.action == "read" and share.principal_id in (actor.id, *group_ids):
                ties.add(READER)
        return Resource("model", "", None, frozenset(ties))

    async def pick(
        self, entries: Sequence[ModelEntry], is_usable: Callable[[ModelEntry], Awaitable[bool]]
    ) -> ModelEntry | None:
        """One of the models it stands for that is usable; None if there is none."""
        named = self.meta.get("model_ids")
        named = set(named) if isinstance(named, list) and named else None
        excluded = self.meta.get("filter_mode") == "exclude"
        candidates = [e for e in entries if named is None or (e.id in named) is not excluded]
        random.shuffle(candidates)
        for entry in candidates:
            if await is_usable(entry):
                return entry
        return None


def arenas(settings: CatalogueSettings) -> list[Arena]:
    """The ones that are configured."""
    if not settings.arena:
        return []
    return [_arena(model) for model in settings.arena_models or [DEFAULT]]


def _arena(model: ArenaModel) -> Arena:
    meta = {key: value for key, value in model.meta.items() if key != "profile_image_url"}
    try:
        said = read_rights(
            *(meta.get(key, msgspec.UNSET) for key in ("access_control", "access_grants"))
        )
    except (ValidationError, InvalidRequest):
        said = None  # whatever was meant, it was not everybody
    open_to = said or Sharing()
    line = {
        "id": model.id,
        "name": model.name,
        "info": {"meta": meta},
        "object": "model",
        "created": now(),
        "owned_by": "arena",
        "arena": True,
        "actions": [],
        "filters": [],
        "tags": [],
    }
    return Arena(
        id=model.id,
        name=model.name,
        meta=meta,
        sharing=open_to,
        json=msgspec.json.encode(line),
    )
