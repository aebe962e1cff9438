"""Route of chat completions."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.json import let_others_run
from portico.api.web import Controller, Request, post, stream_response
from portico_completions.request import parse_request
from portico_completions.service import Completions


class CompletionRoutes(Controller):
    """`/api/chat/completions`, and the same below `/api/v1`."""

    plugin: Completions

    @post(["/api/chat/completions", "/api/v1/chat/completions"], large_body=True)
    async def complete(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Complete a chat with a model. OpenAI's request and response, whole or streamed."""
        size = len(await request.body())
        completion = parse_request(data, size)
        await let_others_run(size)
        return stream_response(request, self.plugin.complete(completion, request.user))
