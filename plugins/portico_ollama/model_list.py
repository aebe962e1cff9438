"""Converts an Ollama server's list of models to model cards."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from portico.api.models import ModelCard
from portico_ollama.connection import OllamaConnection

#: Characters, as for every model id.
MAX_ID_CHARS = 256


class ServerModel(msgspec.Struct, frozen=True):
    """One model of `GET /api/tags` or `GET /api/ps`. `fields`: the whole entry."""

    name: str
    fields: Mapping[str, Any]


class _ServerListing(msgspec.Struct):
    models: list[Any] | None = None


def read_listing(body: bytes) -> Sequence[ServerModel]:
    """Return the models in the body of a list, in the server's order; entries without a name are left out.

    Raises: msgspec.MsgspecError or UnicodeDecodeError if it is no list.
    """
    found = []
    for entry in msgspec.json.decode(body, type=_ServerListing).models or ():
        name = (entry.get("model") or entry.get("name")) if isinstance(entry, dict) else None
        if isinstance(name, str) and 0 < len(name) <= MAX_ID_CHARS:
            found.append(ServerModel(name, entry))
    return found


def offered(connection: OllamaConnection, models: Sequence[ServerModel]) -> Sequence[ServerModel]:
    """Return the models that the connection's filter allows."""
    allowed = frozenset(map(with_tag, connection.options.model_ids))
    return [model for model in models if not allowed or with_tag(model.name) in allowed]


def with_tag(name: str) -> str:
    """Return a model's name with its tag: the one without a tag is the latest."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def card(
    connection: OllamaConnection,
    model: ServerModel,
    urls: Sequence[int],
    expires_at: int | None = None,
) -> ModelCard:
    """Return the card of a model.

    `urls`: numbers of all connections that offer it. `expires_at`: epoch seconds at which the server unloads it;
    None = it is not loaded.
    """
    options = connection.options
    model_id = connection.options.public_id(model.name)
    entry = {
        **model.fields,
        "model": model_id,
        "urls": list(urls),
        "connection_type": options.connection_type,
    }
    if options.tags:
        entry["tags"] = options.tags
    if expires_at is not None:
        entry["expires_at"] = expires_at
    name = model.fields.get("name")
    return ModelCard(
        id=model_id,
        name=name if isinstance(name, str) and name else model.name,
        owned_by="ollama",
        created=epoch_seconds(model.fields.get("modified_at")) or 0,
        connection_type=options.connection_type,
        tags=options.tag_names,
        details={"ollama": entry},
        public=options.access == "public",
    )


def epoch_seconds(time: object) -> int | None:
    """Return a time of Ollama (RFC 3339 with nanoseconds) in epoch seconds; None if it is no time.

    Ollama writes the year 1 for "never" and a year beyond 2200 for "for ever"; the latter is a time as well.
    """
    try:
        found = datetime.fromisoformat(time) if isinstance(time, str) else None
    except ValueError:
        return None
    if found is None or found.year < 1970:
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
