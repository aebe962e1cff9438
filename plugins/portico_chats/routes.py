"""Routes of whole chats."""

from typing import Any

from litestar.params import FromPath, FromQuery, JSONBody

from portico.api import (
    AppContext,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_chats import message_routes
from portico_chats.deletion import ChatDeleter
from portico_chats.flags import routes as flag_routes
from portico_chats.listing import routes as list_routes
from portico_chats.schemas import MAX_CHAT_VALUES, Chat, ChatForm, ListedChat
from portico_chats.search import routes as search_routes
from portico_chats.service import Chats
from portico_chats.tags import routes as tag_routes


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    chats, deleter = Chats(app), ChatDeleter(app)

    @get(["/api/v1/chats", "/api/v1/chats/list"], response_type=list[ListedChat])
    async def page(
        request: Request,
        *,
        page: FromQuery[int | None] = None,
        include_pinned: FromQuery[str] = "",
        include_folders: FromQuery[str] = "",
    ) -> JSONResponse:
        """List the caller's chats that are not archived, the last changed first; 60 a page, or all without `page`."""
        return json_response(
            await chats.page(
                request.user,
                page,
                include_pinned=parse_query_flag("include_pinned", include_pinned),
                include_folders=parse_query_flag("include_folders", include_folders),
            )
        )

    @post("/api/v1/chats/new", response_type=Chat, max_values=MAX_CHAT_VALUES)
    async def create(request: Request, data: JSONBody[ChatForm]) -> JSONResponse:
        """Create a chat of the caller."""
        return json_response(await chats.create(request.user, data))

    @get("/api/v1/chats/{chat_id:str}", response_type=Chat)
    async def one(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Return one whole chat."""
        return json_response(await chats.get(request.user, chat_id))

    @post("/api/v1/chats/{chat_id:str}", response_type=Chat, max_values=MAX_CHAT_VALUES)
    async def update(
        request: Request, chat_id: FromPath[str], data: JSONBody[ChatForm]
    ) -> JSONResponse:
        """Replace the given top-level keys of the document; the others stay."""
        return json_response(await chats.update(request.user, chat_id, data))

    @delete("/api/v1/chats/{chat_id:str}", response_type=bool)
    async def remove(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Delete a chat."""
        await deleter.delete(request.user, chat_id)
        return json_response(True)

    more = (message_routes, flag_routes, tag_routes, list_routes, search_routes)
    return [page, create, one, update, remove, *(one for kind in more for one in kind.routes(app))]
