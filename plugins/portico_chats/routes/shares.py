"""Routes of sharing and copying."""

from typing import Annotated

from litestar.params import JSONBody, PathParameter

from portico.api.web import Controller, JSONResponse, Request, delete, get, json_response, post
from portico_chats.components import ChatsPlugin
from portico_chats.schemas import Chat, CloneForm

ChatId = Annotated[str, PathParameter(description="Id of the chat.")]
ShareId = Annotated[str, PathParameter(description="Id under which a chat is shared.")]


class ShareRoutes(Controller):
    """`/api/v1/chats`: shares and copies."""

    plugin: ChatsPlugin

    @post("/api/v1/chats/{chat_id:str}/share", response_type=Chat, limited=True)
    async def share(self, request: Request, chat_id: ChatId) -> JSONResponse:
        """Share a chat as it is now, or refresh the share. Returns what others see."""
        return json_response(await self.plugin.shares.share(request.user, chat_id))

    @delete("/api/v1/chats/{chat_id:str}/share", response_type=bool, limited=True)
    async def unshare(self, request: Request, chat_id: ChatId) -> JSONResponse:
        """End the share of a chat. Returns false if it was not shared."""
        return json_response(await self.plugin.shares.unshare(request.user, chat_id))

    @get("/api/v1/chats/share/{share_id:str}", response_type=Chat)
    async def get_shared(self, request: Request, share_id: ShareId) -> JSONResponse:
        """Return a shared chat to any user who has its share id."""
        return json_response(await self.plugin.shares.get_shared(request.user, share_id))

    @post("/api/v1/chats/{chat_id:str}/clone", response_type=Chat, limited=True)
    async def clone(
        self, request: Request, chat_id: ChatId, data: JSONBody[CloneForm]
    ) -> JSONResponse:
        """Copy one of the caller's chats."""
        return json_response(await self.plugin.clones.of_own(request.user, chat_id, data.title))

    @post("/api/v1/chats/{share_id:str}/clone/shared", response_type=Chat, limited=True)
    async def clone_shared(self, request: Request, share_id: ShareId) -> JSONResponse:
        """Copy a shared chat to the caller."""
        return json_response(await self.plugin.clones.of_shared(request.user, share_id))
