"""`/openai`: connections for administrators."""

from litestar.params import JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_openai.components import OpenAIPlugin
from portico_openai.schemas import ConnectionsAnswer, ConnectionsForm


class ConnectionRoutes(Controller):
    """`/openai/config` and `/openai/verify`."""

    plugin: OpenAIPlugin

    @get("/openai/config", requires="settings:read", response_type=ConnectionsAnswer)
    async def get_connections(self) -> JSONResponse:
        """Return all connections, with masks in place of keys and of the values of headers."""
        return json_response(await self.plugin.config.current())

    @post(
        "/openai/config/update",
        requires="settings:write",
        session_only=True,
        response_type=ConnectionsAnswer,
    )
    async def update_connections(
        self, request: Request, data: JSONBody[ConnectionsForm]
    ) -> JSONResponse:
        """Change the connections and return them. A mask that comes back leaves the key as it is.

        They apply to this instance at once, and to the others within a second.
        """
        return json_response(await self.plugin.config.update(request.user, data))
