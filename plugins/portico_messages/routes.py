"""Routes of messages."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.json import let_others_run
from portico.api.web import Controller, JSONResponse, Request, json_response, post, stream_response
from portico_messages.service import Messages


class MessageRoutes(Controller):
    """`/api/v1/messages`."""

    plugin: Messages

    @post("/api/v1/messages", large_body=True, errors="anthropic")
    async def create(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Continue a conversation. Anthropic's request and response, whole or streamed."""
        await let_others_run(len(await request.body()))
        return stream_response(request, self.plugin.create(data, request.user))

    @post("/api/v1/messages/count_tokens", large_body=True, errors="anthropic")
    async def count_tokens(
        self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]
    ) -> JSONResponse:
        """Return about how many tokens a request has. The model is not asked."""
        return json_response({"input_tokens": await self.plugin.count_tokens(data, request.user)})
