"""Finds models by the names that Ollama's clients use, and checks access by the catalogue's decision."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.api import AppContext, NotFound, Unavailable
from portico.api.auth import Actor
from portico.api.json import let_others_run, raw_object
from portico.api.messages import MODEL_NOT_FOUND
from portico.api.models import ResolvedModel
from portico_ollama.model_list import with_tag
from portico_ollama.servers import OllamaServers
from portico_ollama.source import OllamaSource


class OllamaDisabled(Unavailable):
    """The administrator has switched Ollama servers off."""

    default = "The Ollama API is disabled. Please enable it to use this feature."


class _Entry(msgspec.Struct):
    """An entry of the model list. `ollama`: only of models of Ollama servers."""

    id: str
    created: int = 0
    ollama: msgspec.Raw = msgspec.Raw()


class _Entries(msgspec.Struct):
    data: list[_Entry]


class ModelLookup:
    """Finds models for an actor. One that the actor may not use is not found, as one that does not exist."""

    def __init__(self, app: AppContext, servers: OllamaServers) -> None:
        self._app, self._servers = app, servers

    async def find(self, name: str, actor: Actor, index: int | None = None) -> ResolvedModel:
        """Return a model of an Ollama server, also a preset based on one. A name without a tag may mean the latest.

        `index`: the number of the connection that must offer it. Raises: NotFound, with the same message in all cases;
        NotFound with another for a number without a connection; OllamaDisabled.
        """
        ours = await self.sources() if index is None else [await self.source(index)]
        for candidate in dict.fromkeys((name, with_tag(name))):
            try:
                target = await self._app.catalogue.resolve(candidate, actor)
            except NotFound:
                continue
            if (narrowed := _narrowed(target, ours)) is not None:
                return narrowed
        raise NotFound(MODEL_NOT_FOUND)

    async def entries(
        self, actor: Actor, index: int | None = None
    ) -> Sequence[tuple[str, int, Any]]:
        """Return id, creation time and details of each model of the servers that the actor may use.

        Details: as the server lists the model, with the numbers of all connections that offer it. `index`: of the
        only connection that counts. Raises: as `find`.
        """
        sources = await self.sources()
        only = None if index is None else await self.source(index)
        document = await self._app.catalogue.entries_json(actor)
        await let_others_run(len(document))
        found: list[tuple[str, int, Any]] = []
        for entry in msgspec.json.decode(document, type=_Entries).data:
            if not bytes(entry.ollama) or (only and entry.id not in only.model_ids):
                continue
            details: Any = entry.ollama
            if len(sources) > 1 and (urls := self._servers.holders(entry.id)):
                details = raw_object.split(entry.ollama) | {"urls": urls}
            found.append((entry.id, entry.created, details))
        return found

    async def source(self, index: int | None) -> OllamaSource:
        """Return the source of a connection; None means the first. Raises: NotFound; OllamaDisabled."""
        for source in await self.sources():
            if source.connection.index == (index or 0):
                return source
        raise NotFound

    async def holders(self, model_id: str, index: int | None = None) -> Sequence[OllamaSource]:
        """Return the sources that offer a model of this id, or only that of a connection. Raises: as `find`.

        With an `index`, the server's own name is a name, too.
        """
        among = await self.sources() if index is None else [await self.source(index)]
        names = (
            [model_id]
            if index is None
            else [model_id, among[0].connection.options.public_id(model_id)]
        )
        for candidate in dict.fromkeys((*names, *map(with_tag, names))):
            if found := [source for source in among if candidate in source.model_ids]:
                return found
        raise NotFound(MODEL_NOT_FOUND)

    async def sources(self) -> Sequence[OllamaSource]:
        """Return the sources of all connections. Raises: OllamaDisabled if no server may be used."""
        await self._servers.current_sources()
        if not self._servers.is_enabled:
            raise OllamaDisabled
        return self._servers.sources


def _narrowed(target: ResolvedModel, ours: Sequence[OllamaSource]) -> ResolvedModel | None:
    """Return the model with these sources only; None if none of them offers it."""
    sources = [source for source in target.sources if source in ours]
    return msgspec.structs.replace(target, sources=sources) if sources else None
