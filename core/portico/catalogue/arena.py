"""Arena models: which models they pick from, who may use them, and the random pick."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from portico.catalogue.model_entry import ModelEntry
from portico.db import now
from portico.errors import InvalidRequest, ValidationError
from portico.identity import Actor
from portico.permissions import EVERYONE, READER, Resource, Sharing, read_rights
from portico.settings.catalogue import ArenaModel, CatalogueSettings

#: The arena model if none is configured. Source: the API's clients.
DEFAULT = ArenaModel("arena-model", "Arena Model", {"description": None, "model_ids": None})
#: Keys of `meta` that lists leave out: pictures have a route, and the rest is for administrators. It names models, users and
#: groups that those who use an arena model may know nothing of.
_UNLISTED = frozenset(
    ("profile_image_url", "model_ids", "filter_mode", "access_control", "access_grants")
)


class Arena(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An arena model. `json`: its encoded entry in the list of models. `sharing`: who may use it."""

    id: str
    name: str
    meta: Mapping[str, Any]
    sharing: Sharing
    json: bytes

    def resource(self, actor: Actor, group_ids: Sequence[str]) -> Resource:
        """Return it as a resource. It has no row and no grants, so the relations come from its settings."""
        relations = set()
        for share in self.sharing.shares:
            if share.principal_kind == "everyone":
                relations.add(EVERYONE)
            elif share.action == "read" and share.principal_id in (actor.id, *group_ids):
                relations.add(READER)
        return Resource("model", "", None, frozenset(relations))

    async def pick(
        self, entries: Sequence[ModelEntry], is_usable: Callable[[ModelEntry], Awaitable[bool]]
    ) -> ModelEntry | None:
        """Return a random usable model out of those it is configured for; None if there is none."""
        named = self.meta.get("model_ids")
        # An operator's file and an imported configuration may hold anything.
        named = {str(one) for one in named} if isinstance(named, list) and named else None
        excluded = self.meta.get("filter_mode") == "exclude"
        candidates = [e for e in entries if named is None or (e.id in named) is not excluded]
        random.shuffle(candidates)
        for entry in candidates:
            if await is_usable(entry):
                return entry
        return None


def arenas(settings: CatalogueSettings) -> list[Arena]:
    """Return the configured arena models."""
    if not settings.arena:
        return []
    return [_arena(model) for model in settings.arena_models or [DEFAULT]]


def _arena(model: ArenaModel) -> Arena:
    try:
        sharing = read_rights(
            *(model.meta.get(key, msgspec.UNSET) for key in ("access_control", "access_grants"))
        )
    except (ValidationError, InvalidRequest):
        sharing = None  # not readable: private, because it may have been meant to restrict access
    entry = {
        "id": model.id,
        "name": model.name,
        "info": {"meta": {key: one for key, one in model.meta.items() if key not in _UNLISTED}},
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
        meta=model.meta,
        sharing=sharing or Sharing(),
        json=msgspec.json.encode(entry),
    )
