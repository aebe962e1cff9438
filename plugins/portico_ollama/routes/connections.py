"""`/ollama/config` and `/ollama/verify`: connections for administrators."""

from litestar.params import JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_ollama.components import OllamaPlugin
from portico_ollama.schemas import (
    OllamaConnectionsAnswer,
    OllamaConnectionsForm,
    OllamaVerifyForm,
)


class OllamaConnectionRoutes(Controller):
    """Reading, changing and trying the connections."""

    plugin: OllamaPlugin

    @get("/ollama/config", requires="settings:read", response_type=OllamaConnectionsAnswer)
    async def get_ollama_connections(self) -> JSONResponse:
        """Return all connections, with masks in place of keys and of the values of headers."""
        return json_response(await self.plugin.config.current(), has_secrets=True)

    @post(
        "/ollama/config/update",
        requires="settings:write",
        session_only=True,
        response_type=OllamaConnectionsAnswer,
    )
    async def update_ollama_connections(
        self, request: Request, data: JSONBody[OllamaConnectionsForm]
    ) -> JSONResponse:
        """Change the connections and return them. A mask that comes back leaves the key as it is.

        They apply to this instance at once, and to the others within a second.
        """
        return json_response(await self.plugin.config.update(request.user, data))

    @post("/ollama/verify", requires="settings:write", session_only=True, errors="ollama")
    async def verify_ollama_connection(self, data: JSONBody[OllamaVerifyForm]) -> JSONResponse:
        """Return the version of a server, as it answers now."""
        return json_response({"version": await self.plugin.config.verify(data.url, data.key or "")})
