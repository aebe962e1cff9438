"""What administrators do with the models of Ollama servers: pull, push, create, copy, delete, unload."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from portico.api import AppContext, DomainError, InvalidRequest, SourceFailed
from portico.api.auth import Actor
from portico.api.models import SourceResponse
from portico_ollama.audit import record_model_change
from portico_ollama.model_lookup import ModelLookup
from portico_ollama.source import OllamaSource

UNLOAD_WITHOUT_NAME = "Missing name of the model to unload."


class ModelManagement:
    """Changes the models of servers. Names of models are those of the catalogue, with the prefix of the connection.

    At the end of a change the lists of models are read again.

    `index` in the methods: the number of the connection. Raises, in all methods: NotFound for a number without a
    connection; OllamaDisabled; SourceFailed.
    """

    def __init__(self, app: AppContext, models: ModelLookup) -> None:
        self._app, self._models = app, models

    async def pull(
        self, form: Mapping[str, Any], name: str, actor: Actor, index: int | None
    ) -> SourceResponse:
        """Have a server download a model, by default the first. Returns its progress, line by line."""
        source = await self._models.source(index)
        body = {**form, "model": source.connection.options.provider_id(name), "insecure": True}
        await record_model_change("pulled", name, source)
        return await self._relay(source, "/api/pull", body, actor)

    async def push(
        self, form: Mapping[str, Any], name: str, actor: Actor, index: int | None
    ) -> SourceResponse:
        """Have a server that has the model upload it to a registry. Returns its progress, line by line."""
        source = (await self._models.holders(name, index))[0]
        body = {**form, "model": source.connection.options.provider_id(name)}
        await record_model_change("pushed", name, source)
        return await self._relay(source, "/api/push", body, actor)

    async def create(
        self, form: Mapping[str, Any], name: str, actor: Actor, index: int | None
    ) -> SourceResponse:
        """Have a server make a model, by default the first. Returns its progress, line by line."""
        source = await self._models.source(index)
        body = {**form, "model": source.connection.options.provider_id(name)}
        if isinstance(base := form.get("from"), str):
            body["from"] = source.connection.options.provider_id(base)
        await record_model_change("created", name, source)
        return await self._relay(source, "/api/create", body, actor)

    async def copy(
        self, name: str, new_name: str, actor: Actor, index: int | None
    ) -> SourceResponse:
        """Give a model a second name on the server that has it. Returns `true`."""
        source = (await self._models.holders(name, index))[0]
        provider_id = source.connection.options.provider_id
        body = {"source": provider_id(name), "destination": provider_id(new_name)}
        await record_model_change("copied", new_name, source)
        return await self._change(source, "POST", "/api/copy", body, actor)

    async def delete(self, name: str, actor: Actor, index: int | None) -> SourceResponse:
        """Delete a model on the first server that has it. Returns `true`."""
        source = (await self._models.holders(name, index))[0]
        body = {"model": source.connection.options.provider_id(name)}
        await record_model_change("deleted", name, source)
        return await self._change(source, "DELETE", "/api/delete", body, actor)

    async def unload(self, name: str) -> None:
        """Have all servers that have the model drop it from memory.

        Raises: InvalidRequest without a name; SourceFailed, naming the servers that failed.
        """
        if not name:
            raise InvalidRequest(UNLOAD_WITHOUT_NAME)
        holders = await self._models.holders(name)
        await record_model_change("unloaded", name, *holders)
        results = await asyncio.gather(*(self._unload(source, name) for source in holders))
        if failed := [name for name in results if name]:
            names = ", ".join(failed)
            raise SourceFailed(f"Failed to unload model on {len(failed)} nodes: {names}")

    async def loaded(self, sources: Sequence[OllamaSource]) -> Sequence[Mapping[str, Any]]:
        """Return the models that servers have in memory, without those of servers that do not answer."""
        lists = await asyncio.gather(*map(self._loaded, sources))
        return [entry for entries in lists for entry in entries]

    async def _loaded(self, source: OllamaSource) -> Sequence[Mapping[str, Any]]:
        try:
            models = await source.client.loaded_models()
        except DomainError:
            return []
        public_id = source.connection.options.public_id
        return [{**model.fields, "model": public_id(model.name)} for model in models]

    async def _unload(self, source: OllamaSource, name: str) -> str:
        """Return the name of the source if that failed."""
        form = {"model": source.connection.options.provider_id(name), "keep_alive": 0, "prompt": ""}
        try:
            await source.client.call("POST", "/api/generate", msgspec.json.encode(form))
        except DomainError:
            return source.name
        return ""

    async def _change(
        self, source: OllamaSource, method: str, path: str, form: Mapping[str, Any], actor: Actor
    ) -> SourceResponse:
        response = await source.client.call(method, path, msgspec.json.encode(form))
        if response.status == 200:
            await self._refresh(actor)
            return SourceResponse(body=b"true")
        return response

    async def _relay(
        self, source: OllamaSource, path: str, form: Mapping[str, Any], actor: Actor
    ) -> SourceResponse:
        body = msgspec.json.encode(form)
        return await source.client.follow(path, body, partial(self._refresh, actor))

    async def _refresh(self, actor: Actor) -> None:
        await self._app.catalogue.entries_json(actor, refresh=True)
