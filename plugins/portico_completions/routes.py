"""The completion route."""

import codecs
from collections.abc import Sequence

import msgspec
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from portico.api import Misshapen, Request, post, stream_reply
from portico_completions.service import Completions
from portico_completions.turn import read_turn

#: Bytes that are checked at a time, so that a large body does not stand in memory twice.
STEP = 1024 * 1024


def routes(completions: Completions) -> Sequence[ControllerRouterHandler]:
    """The handlers."""

    @post(["/api/chat/completions", "/api/v1/chat/completions"])
    async def complete(request: Request, data: JSONBody[dict[str, msgspec.Raw]]) -> ASGIApp:
        """Have a model answer. OpenAI's request and answer, whole or streamed."""
        check_text(await request.body())
        turn = read_turn(data)
        return stream_reply(request, completions.answer(turn, request.user))

    return [complete]


def check_text(body: bytes) -> None:
    """Raises: Misshapen if a body is not UTF-8. Values pass through unread, so nobody else would notice."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(0, len(body), STEP):
            decoder.decode(body[begin : begin + STEP])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        fault = {
            "type": "json_invalid",
            "loc": ["body"],
            "msg": "JSON decode error: it is not UTF-8",
        }
        raise Misshapen([fault]) from None
