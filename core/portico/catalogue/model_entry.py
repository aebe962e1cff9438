"""Entries of the model list as clients get them, encoded once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from portico.catalogue.message_action import MessageActions
from portico.catalogue.source import ModelCard, ModelSource, WorkspaceModel


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A model in the list.

    `card`: of the first of its sources. `stale`: those of its sources whose last list failed. `record`: its workspace record, None = none. `base`: for a preset, the entry it
    is based on. `json`: the encoded entry.
    """

    id: str
    name: str
    sources: Sequence[ModelSource]
    stale: Sequence[ModelSource] = ()
    card: ModelCard
    record: WorkspaceModel | None = None
    base: "ModelEntry | None" = None
    json: bytes

    @property
    def is_public(self) -> bool:
        """Whether all approved users may use it: only without a record, which has its own sharing."""
        return self.record is None and self.card.public


def render_source_model(card: ModelCard, *, stale: bool) -> bytes:
    """Return the JSON of a source's model without a record, as in `GET /api/models/base`."""
    return msgspec.json.encode(
        _with_details(_open_object(card.id, card.name, card), card, stale) | _tags(card)
    )


def render_model(
    card: ModelCard, record: WorkspaceModel | None, actions: MessageActions, *, stale: bool
) -> bytes:
    """Return the JSON of a source's model with its workspace record."""
    entry = _with_details(
        _open_object(card.id, record.name if record else card.name, card), card, stale
    )
    return msgspec.json.encode(entry | _close_object(card.tags, record, actions))


def render_preset(record: WorkspaceModel, base: ModelCard, actions: MessageActions) -> bytes:
    """Return the JSON of a preset, which exists in the workspace only and is based on a source's model."""
    entry = _open_object(record.id, record.name, base) | {
        "created": record.created_at,
        "preset": True,
    }
    if "pipe" in base.details:
        entry["pipe"] = base.details["pipe"]
    return msgspec.json.encode(entry | _close_object((), record, actions))


def _open_object(model_id: str, name: str, card: ModelCard) -> dict[str, Any]:
    return {
        "id": model_id,
        "object": "model",
        "created": card.created,
        "owned_by": card.owned_by,
        "name": name,
        "connection_type": card.connection_type,
    }


def _with_details(head: dict[str, Any], card: ModelCard, stale: bool) -> dict[str, Any]:
    details = {key: value for key, value in card.details.items() if key not in head}
    return head | details | ({"stale": True} if stale else {})


def _tags(card: ModelCard) -> dict[str, Any]:
    return {"tags": [{"name": tag} for tag in card.tags]} if card.tags else {}


def _close_object(
    tags: Iterable[str], record: WorkspaceModel | None, actions: MessageActions
) -> dict[str, Any]:
    tail: dict[str, Any] = {}
    meta: Any = {}
    names = list(tags)
    if record is not None:
        meta = msgspec.json.decode(record.meta)
        meta = meta if isinstance(meta, dict) else {}
        meta.pop("profile_image_url", None)  # may be a picture of 100 KB; it has a route of its own
        names += _tag_names(meta.get("tags"))
        tail["info"] = _info(record, meta)
    unique = [{"name": name} for name in dict.fromkeys(names)]
    offered = [action.entry() for action in actions.of(meta)]
    return tail | {"actions": offered, "filters": [], "tags": unique}


def _info(record: WorkspaceModel, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record without its parameters: users must not see the system prompt."""
    return {
        "id": record.id,
        "user_id": record.owner_id,
        "base_model_id": record.base_model_id,
        "name": record.name,
        "meta": meta,
        "access_control": record.access_control,
        "is_active": record.is_active,
        "updated_at": record.updated_at,
        "created_at": record.created_at,
    }


def _tag_names(tags: Any) -> list[str]:
    """Return the names in a record's tags; values not shaped like `[{"name": …}]` are left out."""
    found = (
        [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    )
    return [name for name in found if isinstance(name, str)]
