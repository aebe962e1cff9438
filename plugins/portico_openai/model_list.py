"""From a provider's list of models to cards."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import ModelCard
from portico_openai.settings import OpenAIConnection

#: What OpenAI lists and nobody can chat with.
NOT_FOR_CHAT = ("babbage", "dall-e", "davinci", "embedding", "tts", "whisper")
#: Characters, as for every model id here.
LONGEST_ID = 256


class _Listing(msgspec.Struct):
    data: list[dict[str, Any]]


def read_listing(body: bytes) -> Sequence[dict[str, Any]]:
    """The models in the body of `GET /models`: `{"data": […]}`, or the bare list that some send.

    Raises: msgspec.MsgspecError or UnicodeDecodeError if it is something else.
    """
    if body.lstrip()[:1] == b"[":
        return msgspec.json.decode(body, type=list[dict[str, Any]])
    return msgspec.json.decode(body, type=_Listing).data


def fixed_listing(model_ids: Sequence[str]) -> Sequence[dict[str, Any]]:
    """The models an operator has named, in the shape of a provider's list."""
    return [{"id": model_id, "object": "model", "owned_by": "openai"} for model_id in model_ids]


def cards(connection: OpenAIConnection, models: Sequence[dict[str, Any]]) -> Sequence[ModelCard]:
    """A card for each model that has an id and is for chat, in the provider's order."""
    return [
        _card(connection, model)
        for model in models
        if _is_id(model.get("id"))
        and not (connection.is_openai and any(part in model["id"] for part in NOT_FOR_CHAT))
    ]


def provider_model_id(connection: OpenAIConnection, model_id: str) -> str:
    """The provider's id behind one of ours."""
    prefix = connection.options.prefix_id
    return model_id.removeprefix(f"{prefix}.") if prefix else model_id


def _card(connection: OpenAIConnection, model: dict[str, Any]) -> ModelCard:
    options = connection.options
    name, created = model.get("name"), model.get("created")
    model_id = f"{options.prefix_id}.{model['id']}" if options.prefix_id else model["id"]
    provider = {**model, "connection_type": options.connection_type}
    return ModelCard(
        id=model_id,
        name=name if isinstance(name, str) and name else model_id,
        owned_by="openai",
        created=created if isinstance(created, int) else 0,
        connection_type=options.connection_type,
        tags=[tag["name"] for tag in options.tags if "name" in tag],
        details={
            "openai": provider,
            "urlIdx": connection.index,
            **{key: value for key, value in model.items() if key not in _OURS},
        },
        public=options.access == "public",
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID


#: Keys of an entry in the model list that a provider has no say in, or had it already.
_OURS = frozenset(
    {
        "id", "object", "created", "owned_by", "name", "connection_type", "openai", "urlIdx", "info", "actions",
        "filters", "tags", "preset", "arena", "direct", "stale", "pipe",
    }
)  # fmt: skip
