"""Routes of tags."""

from typing import Any

from litestar.params import FromPath, JSONBody

from portico.api import AppContext, JSONResponse, Request, delete, get, json_response, post
from portico_chats.schemas import ChatTag, ListedChat, TagFilter, TagForm
from portico_chats.tags.service import Tags

OF_ONE = "/api/v1/chats/{chat_id:str}/tags"


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    tags = Tags(app)

    @get("/api/v1/chats/all/tags", response_type=list[ChatTag])
    async def all_tags(request: Request) -> JSONResponse:
        """List the tags of the caller's chats that are not archived."""
        return json_response(await tags.all(request.user))

    @post("/api/v1/chats/tags", read_only=True, response_type=list[ListedChat])
    async def carriers(request: Request, data: JSONBody[TagFilter]) -> JSONResponse:
        """List the caller's chats with a tag that are not archived, the last changed first."""
        return json_response(
            await tags.chats_with_tag(request.user, data.name, data.skip, data.limit)
        )

    @get(OF_ONE, response_type=list[ChatTag])
    async def of_one(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """List the tags of a chat."""
        return json_response(await tags.of(request.user, chat_id))

    @post(OF_ONE, response_type=list[ChatTag])
    async def add(
        request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]
    ) -> JSONResponse:
        """Add a tag to a chat. Returns all its tags."""
        return json_response(await tags.add(request.user, chat_id, data.name))

    @delete(OF_ONE, response_type=list[ChatTag])
    async def remove(
        request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]
    ) -> JSONResponse:
        """Remove a tag from a chat. Returns the remaining tags."""
        return json_response(await tags.remove(request.user, chat_id, data.name))

    @delete(f"{OF_ONE}/all", response_type=bool)
    async def clear(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Remove all tags from a chat."""
        await tags.clear(request.user, chat_id)
        return json_response(True)

    return [all_tags, carriers, of_one, add, remove, clear]
