"""The completion route."""

from collections.abc import Sequence

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from portico.api import Request, post, stream_reply
from portico_completions.service import Completions
from portico_completions.turn import read_turn


def routes(completions: Completions) -> Sequence[ControllerRouterHandler]:
    """The handlers."""

    @post(["/api/chat/completions", "/api/v1/chat/completions"])
    async def complete(request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Have a model answer. OpenAI's request and answer, whole or streamed."""
        turn = read_turn(data)
        return stream_reply(request, completions.answer(turn, request.user))

    return [complete]
