"""Lists of models below `/openai`, and what a connection that is being edited lists."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext, NotFound
from portico.api.auth import Actor
from portico_openai.connection import OpenAIConnection
from portico_openai.sources import OpenAISources

#: Keys of entries that come from the workspace, not from a provider.
_WORKSPACE_KEYS: Final = frozenset({"actions", "filters", "info", "stale"})
_OFFERED: Final = "connection_type"


class ProviderLists:
    """The models of connections."""

    def __init__(self, app: AppContext, sources: OpenAISources) -> None:
        self._app, self._sources = app, sources

    async def merged(self, actor: Actor) -> dict[str, Any]:
        """Return the models of all connections that the actor may use."""
        entries = await self._entries(actor)
        return {
            "object": "list",
            "data": [
                {key: value for key, value in entry.items() if key not in _WORKSPACE_KEYS}
                for entry in entries
                if "openai" in entry
            ],
        }

    async def of_connection(self, index: int, actor: Actor) -> dict[str, Any]:
        """Return the models that one provider lists, under its own ids: those that the actor may use.

        Raises: NotFound if there is no such connection; SourceFailed, SourceTimedOut.
        """
        if await self._sources.connection(index) is None:
            raise NotFound
        source = await self._sources.source(index)
        cards = await source.list_models() if source else ()
        usable = {bytes(entry["id"]) for entry in await self._entries(actor)}
        found = []
        for card in cards:
            if msgspec.json.encode(card.id) in usable:
                provider = card.details["openai"]
                found.append({key: provider[key] for key in provider if key != _OFFERED})
        return {"object": "list", "data": found}

    async def verified(self, connection: OpenAIConnection) -> dict[str, Any]:
        """Return what a connection lists. Raises: SourceFailed, SourceTimedOut."""
        return {
            "object": "list",
            "data": await self._sources.source_of(connection).client.listing(),
        }

    async def _entries(self, actor: Actor) -> list[Mapping[str, msgspec.Raw]]:
        document = await self._app.catalogue.entries_json(actor)
        return msgspec.json.decode(document, type=_UsableEntries).data


class _UsableEntries(msgspec.Struct):
    data: list[Mapping[str, msgspec.Raw]]
