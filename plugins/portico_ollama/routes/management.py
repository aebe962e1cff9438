"""Changing the models of Ollama servers."""

from typing import Any

from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.json import field_error
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    json_response,
    post,
    stream_response,
)
from portico_ollama.components import OllamaPlugin
from portico_ollama.routes.connection_index import connection_index, indexed
from portico_ollama.schemas import CopyModelForm, NamedModelForm

#: Bytes of the form of a new model: a template, messages and licences.
MAX_FORM_BYTES = 1024 * 1024
MANAGE = "ollama_server:manage"

Form = JSONBody[dict[str, Any]]


class OllamaManagementRoutes(Controller):
    """`/ollama/api/pull`, `push`, `create`, `copy`, `delete`, `unload`. `url_idx`: the connection that is meant."""

    plugin: OllamaPlugin

    @post(indexed("/ollama/api/pull"), requires=MANAGE, errors="ollama")
    async def pull_model(self, request: Request, data: Form) -> ASGIApp:
        """Have a server download a model. Streams lines of JSON."""
        work = self.plugin.management.pull(
            data, _name(data), request.user, connection_index(request)
        )
        return stream_response(request, work)

    @post(indexed("/ollama/api/push"), requires=MANAGE, errors="ollama")
    async def push_model(self, request: Request, data: Form) -> ASGIApp:
        """Have a server upload a model to a registry. Streams lines of JSON."""
        work = self.plugin.management.push(
            data, _name(data), request.user, connection_index(request)
        )
        return stream_response(request, work)

    @delete(indexed("/ollama/api/push"), requires=MANAGE, errors="ollama")
    async def push_model_by_delete(self, request: Request, data: Form) -> ASGIApp:
        """Have a server upload a model to a registry. The web client uses this method."""
        work = self.plugin.management.push(
            data, _name(data), request.user, connection_index(request)
        )
        return stream_response(request, work)

    @post(indexed("/ollama/api/create"), requires=MANAGE, max_body=MAX_FORM_BYTES, errors="ollama")
    async def create_ollama_model(self, request: Request, data: Form) -> ASGIApp:
        """Have a server make a model. Streams lines of JSON."""
        work = self.plugin.management.create(
            data, _name(data), request.user, connection_index(request)
        )
        return stream_response(request, work)

    @post(indexed("/ollama/api/copy"), requires=MANAGE, errors="ollama")
    async def copy_model(self, request: Request, data: JSONBody[CopyModelForm]) -> ASGIApp:
        """Give a model a second name."""
        work = self.plugin.management.copy(
            data.source, data.destination, request.user, connection_index(request)
        )
        return stream_response(request, work)

    @delete(indexed("/ollama/api/delete"), requires=MANAGE, errors="ollama")
    async def delete_ollama_model(
        self, request: Request, data: JSONBody[NamedModelForm]
    ) -> ASGIApp:
        """Delete a model from its server."""
        work = self.plugin.management.delete(
            data.model or data.name, request.user, connection_index(request)
        )
        return stream_response(request, work)

    @post("/ollama/api/unload", requires=MANAGE, errors="ollama")
    async def unload_model(self, data: JSONBody[NamedModelForm]) -> JSONResponse:
        """Have all servers drop a model from memory."""
        await self.plugin.management.unload(data.model or data.name)
        return json_response({"status": True})


def _name(form: dict[str, Any]) -> str:
    """Return the name of the model, and take its former key out of the form."""
    name = form.get("model") or form.pop("name", "")
    if not isinstance(name, str) or not name:
        raise field_error("model", "missing", "Field required")
    return name
