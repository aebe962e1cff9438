"""`/openai`: connections for administrators, and their models without chats, tasks and events."""

from typing import Any, Final

import msgspec
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from portico.api import NotFound
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    post,
    put,
    stream_response,
)
from portico_openai.components import OpenAIPlugin
from portico_openai.schemas import ConnectionsAnswer, ConnectionsForm, VerifyForm

#: Positions of connections have at most so many digits.
MAX_INDEX_DIGITS: Final = 4
#: Options of the routes that send any request to a provider.
_PASSTHROUGH: Final[dict[str, Any]] = {
    "requires": "settings:write",
    "large_body": True,
    "errors": "openai",
    "status_code": 200,
}


class ConnectionRoutes(Controller):
    """`/openai/config` and `/openai/verify`."""

    plugin: OpenAIPlugin

    @get("/openai/config", requires="settings:read", response_type=ConnectionsAnswer)
    async def get_connections(self) -> JSONResponse:
        """Return all connections, with masks in place of keys and of the values of headers."""
        return json_response(await self.plugin.config.current(), has_secrets=True)

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

    @post(
        "/openai/verify",
        requires="settings:write",
        session_only=True,
        response_type=dict[str, Any],
    )
    async def verify_connection(self, data: JSONBody[VerifyForm]) -> JSONResponse:
        """Return the models that a connection lists; an error says what is wrong with it. Stores nothing."""
        connection = await self.plugin.config.connection_to_verify(data)
        return json_response(await self.plugin.lists.verified(connection))


class ProviderRoutes(Controller):
    """The models of all connections, calls of them, and whatever else a provider has."""

    plugin: OpenAIPlugin

    @get("/openai/models", errors="openai", response_type=dict[str, Any])
    async def list_models(self, request: Request) -> JSONResponse:
        """Return the models of all connections that the caller may use."""
        return json_response(await self.plugin.lists.merged(request.user))

    @get("/openai/models/{url_idx:str}", errors="openai", response_type=dict[str, Any])
    async def list_models_of_connection(
        self, request: Request, url_idx: FromPath[str]
    ) -> JSONResponse:
        """Return the models that one provider lists now, by its position; of these, those that the caller may use."""
        if not (url_idx.isascii() and url_idx.isdigit() and len(url_idx) <= MAX_INDEX_DIGITS):
            raise NotFound
        return json_response(await self.plugin.lists.of_connection(int(url_idx), request.user))

    @post("/openai/chat/completions", large_body=True, errors="openai")
    async def complete(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Call a model: OpenAI's request and response, with the parameters and system prompt of the model's record."""
        return stream_response(request, self.plugin.chats.complete(data, request.user))

    @get("/openai/{path:path}", **_PASSTHROUGH)
    async def pass_get(self, request: Request, path: FromPath[str]) -> ASGIApp:
        """Send a GET request to the first connection as it is. Only if ENABLE_OPENAI_API_PASSTHROUGH is set."""
        return await self._pass_through(request, path)

    @post("/openai/{path:path}", **_PASSTHROUGH)
    async def pass_post(self, request: Request, path: FromPath[str]) -> ASGIApp:
        """Send a POST request to the first connection as it is. Only if ENABLE_OPENAI_API_PASSTHROUGH is set."""
        return await self._pass_through(request, path)

    @put("/openai/{path:path}", **_PASSTHROUGH)
    async def pass_put(self, request: Request, path: FromPath[str]) -> ASGIApp:
        """Send a PUT request to the first connection as it is. Only if ENABLE_OPENAI_API_PASSTHROUGH is set."""
        return await self._pass_through(request, path)

    @delete("/openai/{path:path}", **_PASSTHROUGH)
    async def pass_delete(self, request: Request, path: FromPath[str]) -> ASGIApp:
        """Send a DELETE request to the first connection as it is. Only if ENABLE_OPENAI_API_PASSTHROUGH is set."""
        return await self._pass_through(request, path)

    async def _pass_through(self, request: Request, path: str) -> ASGIApp:
        send = self.plugin.passthrough.send(
            request.method,
            path,
            request.scope["query_string"],
            request.headers,
            await request.body(),
        )
        return stream_response(request, send)
