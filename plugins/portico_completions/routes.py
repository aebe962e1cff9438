"""The completion route."""

from collections.abc import Sequence

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from portico.api import Request, let_others_run, post, stream_reply
from portico_completions.service import Completions
from portico_completions.turn import read_turn


def routes(completions: Completions) -> Sequence[ControllerRouterHandler]:
    """The handlers."""

    @post(["/api/chat/completions", "/api/v1/chat/completions"])
    async def complete(request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Have a model answer. OpenAI's request and answer, whole or streamed."""
        size = len(await request.body())
        turn = read_turn(data, size)
        await let_others_run(size)
        return stream_reply(request, completions.answer(turn, request.user))

    return [complete]
