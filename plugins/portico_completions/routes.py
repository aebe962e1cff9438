"""Route of chat completions."""

from collections.abc import Sequence

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from portico.api import Request, let_others_run, post, stream_response
from portico_completions.request import parse_request
from portico_completions.service import Completions


def routes(completions: Completions) -> Sequence[ControllerRouterHandler]:
    """Return the route handlers."""

    @post(["/api/chat/completions", "/api/v1/chat/completions"])
    async def complete(request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Complete a chat with a model. OpenAI's request and response, whole or streamed."""
        size = len(await request.body())
        turn = parse_request(data, size)
        await let_others_run(size)
        return stream_response(request, completions.complete(turn, request.user))

    return [complete]
