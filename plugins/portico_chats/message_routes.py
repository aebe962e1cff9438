"""Routes of single messages."""

from typing import Any

import msgspec
from litestar.params import FromPath, JSONBody

from portico.api import AppContext, JSONResponse, Request, json_response, post
from portico_chats.messages import MessageService
from portico_chats.schemas import MAX_CHAT_VALUES, Chat, EventForm, MessageForm
from portico_chats.service import Chats


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    chats, replies = Chats(app), MessageService(app)

    @post(
        "/api/v1/chats/{chat_id:str}/messages/{message_id:str}",
        response_type=Chat,
        max_values=MAX_CHAT_VALUES,
    )
    async def write(
        request: Request,
        chat_id: FromPath[str],
        message_id: FromPath[str],
        data: JSONBody[MessageForm],
    ) -> JSONResponse:
        """Write the content of one message; create the message if its id is unknown.

        Returns the whole chat, or nothing (204) with `Prefer: return=minimal`.
        """
        await replies.write(request.user, chat_id, message_id, data)
        if wants_minimal(request):
            return JSONResponse(
                b"", status=204, headers=[(b"preference-applied", b"return=minimal")]
            )
        return json_response(await chats.get(request.user, chat_id))

    @post(
        "/api/v1/chats/{chat_id:str}/messages/{message_id:str}/event",
        response_type=bool,
        max_values=MAX_CHAT_VALUES,
    )
    async def relay(
        request: Request,
        chat_id: FromPath[str],
        message_id: FromPath[str],
        data: JSONBody[EventForm],
    ) -> JSONResponse:
        """Publish an event of a message to the clients that watch its chat. Returns false for a deleted message."""
        told = msgspec.Raw(msgspec.json.encode(data.data))
        return json_response(
            await replies.publish_event(request.user, chat_id, message_id, data.type, told)
        )

    return [write, relay]


def wants_minimal(request: Request) -> bool:
    """Return whether the caller asks for no response body. Source: RFC 7240, section 4.2."""
    asked = ",".join(request.headers.getall("prefer", []))
    return any(one.strip().lower() == "return=minimal" for one in asked.split(","))
