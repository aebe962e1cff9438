"""Routes of tags."""

from litestar.params import FromPath, JSONBody

from portico.api.web import Controller, JSONResponse, Request, delete, get, json_response, post
from portico_chats.components import ChatsPlugin
from portico_chats.schemas import ChatTag, ListedChat, TagFilter, TagForm

TAGS_OF_CHAT = "/api/v1/chats/{chat_id:str}/tags"


class TagRoutes(Controller):
    """`/api/v1/chats`: the tags of all chats and of one chat."""

    plugin: ChatsPlugin

    @get("/api/v1/chats/all/tags", response_type=list[ChatTag])
    async def list_all_tags(self, request: Request) -> JSONResponse:
        """List the tags of the caller's chats that are not archived."""
        return json_response(await self.plugin.tags.all(request.user))

    @post("/api/v1/chats/tags", read_only=True, response_type=list[ListedChat])
    async def list_chats_with_tag(
        self, request: Request, data: JSONBody[TagFilter]
    ) -> JSONResponse:
        """List the caller's chats with a tag that are not archived, the last changed first."""
        return json_response(
            await self.plugin.tags.chats_with_tag(request.user, data.name, data.skip, data.limit)
        )

    @get(TAGS_OF_CHAT, response_type=list[ChatTag])
    async def list_tags(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """List the tags of a chat."""
        return json_response(await self.plugin.tags.of(request.user, chat_id))

    @post(TAGS_OF_CHAT, response_type=list[ChatTag])
    async def add_tag(
        self, request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]
    ) -> JSONResponse:
        """Add a tag to a chat. Returns all its tags."""
        return json_response(await self.plugin.tags.add(request.user, chat_id, data.name))

    @delete(TAGS_OF_CHAT, response_type=list[ChatTag])
    async def remove_tag(
        self, request: Request, chat_id: FromPath[str], data: JSONBody[TagForm]
    ) -> JSONResponse:
        """Remove a tag from a chat. Returns the remaining tags."""
        return json_response(await self.plugin.tags.remove(request.user, chat_id, data.name))

    @delete(f"{TAGS_OF_CHAT}/all", response_type=bool)
    async def remove_all_tags(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Remove all tags from a chat."""
        await self.plugin.tags.clear(request.user, chat_id)
        return json_response(True)
