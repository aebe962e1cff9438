"""Routes of whole chats and of single messages."""

import msgspec
from litestar.params import FromPath, FromQuery, JSONBody

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    drop_body,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_chats.components import ChatsPlugin
from portico_chats.schemas import (
    MAX_CHAT_VALUES,
    Chat,
    ChatForm,
    EventForm,
    ListedChat,
    MessageForm,
)


class ChatRoutes(Controller):
    """`/api/v1/chats`: chats and their messages."""

    plugin: ChatsPlugin

    @get(["/api/v1/chats", "/api/v1/chats/list"], response_type=list[ListedChat])
    async def list_chats(
        self,
        request: Request,
        *,
        page: FromQuery[int | None] = None,
        include_pinned: FromQuery[str] = "",
        include_folders: FromQuery[str] = "",
    ) -> JSONResponse:
        """List the caller's chats that are not archived, the last changed first; 60 a page, or all without `page`."""
        return json_response(
            await self.plugin.chats.page(
                request.user,
                page,
                include_pinned=parse_query_flag("include_pinned", include_pinned),
                include_folders=parse_query_flag("include_folders", include_folders),
            )
        )

    @post("/api/v1/chats/new", response_type=Chat, max_values=MAX_CHAT_VALUES, large_body=True)
    async def create_chat(self, request: Request, data: JSONBody[ChatForm]) -> JSONResponse:
        """Create a chat of the caller."""
        drop_body(request.scope)
        return json_response(await self.plugin.chats.create(request.user, data))

    @get("/api/v1/chats/{chat_id:str}", response_type=Chat)
    async def get_chat(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Return one whole chat."""
        return json_response(await self.plugin.chats.get(request.user, chat_id))

    @post(
        "/api/v1/chats/{chat_id:str}",
        response_type=Chat,
        max_values=MAX_CHAT_VALUES,
        large_body=True,
    )
    async def update_chat(
        self, request: Request, chat_id: FromPath[str], data: JSONBody[ChatForm]
    ) -> JSONResponse:
        """Replace the given top-level keys of the document; the others stay."""
        return json_response(await self.plugin.chats.update(request.user, chat_id, data))

    @delete("/api/v1/chats/{chat_id:str}", response_type=bool)
    async def delete_chat(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Delete a chat."""
        await self.plugin.deleter.delete(request.user, chat_id)
        return json_response(True)

    @delete("/api/v1/chats", response_type=bool)
    async def delete_all(self, request: Request) -> JSONResponse:
        """Delete all of the caller's chats."""
        await self.plugin.deleter.delete_all(request.user)
        return json_response(True)

    @post(
        "/api/v1/chats/{chat_id:str}/messages/{message_id:str}",
        response_type=Chat,
        max_values=MAX_CHAT_VALUES,
        large_body=True,
    )
    async def write_message(
        self,
        request: Request,
        chat_id: FromPath[str],
        message_id: FromPath[str],
        data: JSONBody[MessageForm],
    ) -> JSONResponse:
        """Write the content of one message; create the message if its id is unknown.

        Returns the whole chat, or nothing (204) with `Prefer: return=minimal`.
        """
        await self.plugin.messages.write(request.user, chat_id, message_id, data)
        if wants_minimal(request):
            return JSONResponse(
                b"", status=204, headers=[(b"preference-applied", b"return=minimal")]
            )
        return json_response(await self.plugin.chats.get(request.user, chat_id))

    @post(
        "/api/v1/chats/{chat_id:str}/messages/{message_id:str}/event",
        response_type=bool,
        max_values=MAX_CHAT_VALUES,
        large_body=True,
    )
    async def publish_event(
        self,
        request: Request,
        chat_id: FromPath[str],
        message_id: FromPath[str],
        data: JSONBody[EventForm],
    ) -> JSONResponse:
        """Publish an event of a message to the clients that watch its chat. Returns false for a deleted message."""
        event_data = msgspec.Raw(msgspec.json.encode(data.data))
        return json_response(
            await self.plugin.messages.publish_event(
                request.user, chat_id, message_id, data.type, event_data
            )
        )


def wants_minimal(request: Request) -> bool:
    """Return whether the caller asks for no response body. Source: RFC 7240, section 4.2."""
    asked = ",".join(request.headers.getall("prefer", []))
    return any(one.strip().lower() == "return=minimal" for one in asked.split(","))
