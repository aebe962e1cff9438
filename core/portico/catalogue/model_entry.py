"""One line of the model list, as clients get it: encoded once, sent as bytes ever after."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from portico.catalogue.source import ModelCard, ModelSource, WorkspaceModel


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A model in the list.

    `record`: what the workspace says about it, None if nothing. `base`: for a preset, the entry it stands on.
    `line`: its JSON.
    """

    id: str
    name: str
    source: ModelSource
    card: ModelCard
    record: WorkspaceModel | None = None
    base: "ModelEntry | None" = None
    json: bytes

    @property
    def is_public(self) -> bool:
        """Whether everybody verified may use it: only where no record says who may."""
        return self.record is None and self.card.public


def render_source_model(card: ModelCard, *, stale: bool) -> bytes:
    """A source's model by itself, as `GET /api/models/base` shows it."""
    return msgspec.json.encode(
        _with_details(_open_object(card.id, card.name, card), card, stale) | _tags(card)
    )


def render_model(card: ModelCard, record: WorkspaceModel | None, *, stale: bool) -> bytes:
    """A source's model with what the workspace's record says about it."""
    entry = _with_details(
        _open_object(card.id, record.name if record else card.name, card), card, stale
    )
    return msgspec.json.encode(entry | _close_object(card.tags, record))


def render_preset(record: WorkspaceModel, base: ModelCard) -> bytes:
    """A model that exists in the workspace alone and stands on one of a source."""
    entry = _open_object(record.id, record.name, base) | {
        "created": record.created_at,
        "preset": True,
    }
    if "pipe" in base.details:
        entry["pipe"] = base.details["pipe"]
    return msgspec.json.encode(entry | _close_object((), record))


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


def _close_object(tags: Iterable[str], record: WorkspaceModel | None) -> dict[str, Any]:
    tail: dict[str, Any] = {}
    names = list(tags)
    if record is not None:
        meta = msgspec.json.decode(record.meta)
        meta = meta if isinstance(meta, dict) else {}
        meta.pop("profile_image_url", None)  # may be 100 KB of picture; it has a route of its own
        names += _tag_names(meta.get("tags"))
        tail["info"] = _info(record, meta)
    unique = [{"name": name} for name in dict.fromkeys(names)]
    return tail | {"actions": [], "filters": [], "tags": unique}


def _info(record: WorkspaceModel, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The record without its parameters: a system prompt is nobody's business."""
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
    """Names in a record's tags; what is not of the shape `[{"name": …}]` is left out."""
    found = (
        [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    )
    return [name for name in found if isinstance(name, str)]
