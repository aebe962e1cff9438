"""Routes of responses."""

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from portico.api.json import let_others_run
from portico.api.web import Controller, Request, post, stream_response
from portico_responses.service import Responses


class ResponseRoutes(Controller):
    """`/api/v1/responses`."""

    plugin: Responses

    @post("/api/v1/responses", large_body=True, errors="openai")
    async def create(self, request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Answer an input. OpenAI's request and response, whole or streamed. Nothing is stored."""
        await let_others_run(len(await request.body()))
        return stream_response(request, self.plugin.create(data, request.user))
