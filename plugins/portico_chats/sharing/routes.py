"""Routes of sharing and copying."""

from typing import Annotated, Any

from litestar.params import JSONBody, PathParameter

from portico.api import JSONResponse, Request, delete, get, json_response, post
from portico_chats.schemas import Chat, CloneForm
from portico_chats.sharing.clones import Clones
from portico_chats.sharing.shares import Shares

ChatId = Annotated[str, PathParameter(description="The chat's id")]
ShareId = Annotated[str, PathParameter(description="The id under which a chat is shared")]


def routes(shares: Shares, clones: Clones) -> list[Any]:
    """Return the route handlers."""

    @post("/api/v1/chats/{chat_id:str}/share", response_type=Chat, limited=True)
    async def share(request: Request, chat_id: ChatId) -> JSONResponse:
        """Share a chat as it is now, or refresh the share. Returns what others see."""
        return json_response(await shares.share(request.user, chat_id))

    @delete("/api/v1/chats/{chat_id:str}/share", response_type=bool, limited=True)
    async def take_back(request: Request, chat_id: ChatId) -> JSONResponse:
        """End the share of a chat. Returns false if it was not shared."""
        return json_response(await shares.unshare(request.user, chat_id))

    @get("/api/v1/chats/share/{share_id:str}", response_type=Chat)
    async def shared(request: Request, share_id: ShareId) -> JSONResponse:
        """Return a shared chat to any user who has its share id."""
        return json_response(await shares.get_shared(request.user, share_id))

    @post("/api/v1/chats/{chat_id:str}/clone", response_type=Chat, limited=True)
    async def clone(request: Request, chat_id: ChatId, data: JSONBody[CloneForm]) -> JSONResponse:
        """Copy one of the caller's chats."""
        return json_response(await clones.of_own(request.user, chat_id, data.title))

    @post("/api/v1/chats/{share_id:str}/clone/shared", response_type=Chat, limited=True)
    async def clone_shared(request: Request, share_id: ShareId) -> JSONResponse:
        """Copy a shared chat to the caller."""
        return json_response(await clones.of_shared(request.user, share_id))

    return [share, take_back, shared, clone, clone_shared]
