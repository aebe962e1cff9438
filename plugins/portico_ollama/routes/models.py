"""Reading the models of Ollama servers."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    get,
    json_response,
    post,
    stream_response,
)
from portico_ollama.components import OllamaPlugin
from portico_ollama.native_request import model_name
from portico_ollama.routes.connection_index import connection_index, indexed


class OllamaModelRoutes(Controller):
    """`/ollama`, `/ollama/api/version`, `tags`, `ps`, `show`, and `/ollama/v1/models`. `url_idx`: the only connection that counts."""

    plugin: OllamaPlugin

    @get("/ollama", access="public", errors="ollama")
    async def get_status(self) -> JSONResponse:
        """Return that there is such an API."""
        return json_response({"status": True})

    @get(indexed("/ollama/api/version"), access="public", errors="ollama")
    async def get_ollama_version(self, request: Request) -> JSONResponse:
        """Return the lowest version of all servers; false without one."""
        return json_response(
            {"version": await self.plugin.version(connection_index(request)) or False}
        )

    @get(indexed("/ollama/api/tags"), errors="ollama")
    async def list_ollama_models(self, request: Request) -> JSONResponse:
        """Return the models that the caller may use, as their servers list them."""
        entries = await self.plugin.models.entries(request.user, connection_index(request))
        return json_response({"models": [details for _, _, details in entries]})

    @get(indexed("/ollama/v1/models"), errors="openai")
    async def list_models_for_openai(self, request: Request) -> JSONResponse:
        """Return the models that the caller may use, in OpenAI's API."""
        entries = await self.plugin.models.entries(request.user, connection_index(request))
        models = [
            {"id": model_id, "object": "model", "created": created, "owned_by": "openai"}
            for model_id, created, _ in entries
        ]
        return json_response({"data": models, "object": "list"})

    @get("/ollama/api/ps", requires="ollama_server:inspect", errors="ollama")
    async def list_loaded_models(self) -> JSONResponse:
        """Return the models that servers have in memory."""
        sources = await self.plugin.models.sources()
        return json_response({"models": await self.plugin.management.loaded(sources)})

    @post("/ollama/api/show", read_only=True, errors="ollama")
    async def show_model(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Return what a server knows of a model. Its model file and prompts are for administrators only."""
        index = connection_index(request)
        return stream_response(request, self.plugin.show(model_name(data), request.user, index))
