"""Converts a provider's list of models to model cards."""

from collections.abc import Sequence
from typing import Any

from portico.api.models import ModelCard
from portico_openai.connection import OpenAIConnection

#: Parts of ids of OpenAI's models that cannot chat.
NON_CHAT_ID_PARTS = ("babbage", "dall-e", "davinci", "embedding", "tts", "whisper")
#: Characters, as for every model id.
MAX_ID_CHARS = 256


def read_listing(body: bytes) -> Sequence[dict[str, Any]]:
    """Return the models in the body of `GET /models`: `{"data": […]}`, or a plain list as some providers send.

    Entries that are no objects are left out: one of them must not hide all others. Raises: ValueError if it is no list.
    """
    from portico.api.sources import mended_json

    listing = mended_json(body)
    if isinstance(listing, dict):
        listing = listing.get("data", listing.get("models"))
    if not isinstance(listing, list):
        raise ValueError("not a list of models")
    return [model for model in listing if isinstance(model, dict)]


def fixed_listing(model_ids: Sequence[str]) -> Sequence[dict[str, Any]]:
    """Return the models that the settings name, in the form of a provider's list."""
    return [{"id": model_id, "object": "model", "owned_by": "openai"} for model_id in model_ids]


def cards(connection: OpenAIConnection, models: Sequence[dict[str, Any]]) -> Sequence[ModelCard]:
    """Return a card for each model with an id, in the provider's order.

    Of OpenAI's own list, those that cannot chat are left out; an administrator may name them in `model_ids`.
    """
    hidden = NON_CHAT_ID_PARTS if connection.is_openai and not connection.options.model_ids else ()
    return [
        _card(connection, model)
        for model in models
        if _is_id(model.get("id")) and not any(part in model["id"] for part in hidden)
    ]


def _card(connection: OpenAIConnection, model: dict[str, Any]) -> ModelCard:
    options = connection.options
    name, created = model.get("name"), model.get("created")
    model_id = options.public_id(model["id"])
    provider = {**model, "connection_type": options.connection_type}
    return ModelCard(
        id=model_id,
        name=name if isinstance(name, str) and name else model_id,
        owned_by="openai",
        created=created if isinstance(created, int) else 0,
        connection_type=options.connection_type,
        tags=options.tag_names,
        details={
            "openai": provider,
            "urlIdx": connection.index,
            **{key: value for key, value in model.items() if key not in _RESERVED_KEYS},
        },
        public=options.access == "public",
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS


#: Keys of a model list entry that a provider cannot set, or that were read already.
_RESERVED_KEYS = frozenset(
    {
        "id", "object", "created", "owned_by", "name", "connection_type", "openai", "urlIdx", "info", "actions",
        "filters", "tags", "preset", "arena", "direct", "stale", "pipe",
    }
)  # fmt: skip
