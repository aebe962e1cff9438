"""Sharing chats and copying them, over HTTP. What happens is in `shares.py` and `clones.py`."""

from typing import Annotated, Any

from litestar.params import JSONBody, PathParameter

from portico.api import JSONResponse, Request, delete, get, json_response, post
from portico_chats.schemas import Chat, CloneForm
from portico_chats.sharing.clones import Clones
from portico_chats.sharing.shares import Shares

ChatId = Annotated[str, PathParameter(description="The chat's id")]
ShareId = Annotated[str, PathParameter(description="The id under which a chat is shared")]


def routes(shares: Shares, clones: Clones) -> list[Any]:
    """Handlers that work in this house."""

    @post("/api/v1/chats/{chat_id:str}/share", response_type=Chat, limited=True)
    async def share(request: Request, chat_id: ChatId) -> JSONResponse:
        """Share a chat as it is now, or refresh what is shared. The answer is what others see."""
        return json_response(await shares.share(request.user, chat_id))

    @delete("/api/v1/chats/{chat_id:str}/share", response_type=bool, limited=True)
    async def take_back(request: Request, chat_id: ChatId) -> JSONResponse:
        """Share it no more. False if it was not shared."""
        return json_response(await shares.unshare(request.user, chat_id))

    @get("/api/v1/chats/share/{share_id:str}", response_type=Chat)
    async def shared(request: Request, share_id: ShareId) -> JSONResponse:
        """A shared chat, to everybody who has its id."""
        return json_response(await shares.get_shared(request.user, share_id))

    @post("/api/v1/chats/{chat_id:str}/clone", response_type=Chat, limited=True)
    async def clone(request: Request, chat_id: ChatId, data: JSONBody[CloneForm]) -> JSONResponse:
        """A copy of one's own chat."""
        return json_response(await clones.of_own(request.user, chat_id, data.title))

    @post("/api/v1/chats/{share_id:str}/clone/shared", response_type=Chat, limited=True)
    async def clone_shared(request: Request, share_id: ShareId) -> JSONResponse:
        """A copy of a shared chat, the caller's own."""
        return json_response(await clones.of_shared(request.user, share_id))

    return [share, take_back, shared, clone, clone_shared]
