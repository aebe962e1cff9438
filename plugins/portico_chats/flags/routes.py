"""Routes of pinning, archiving and folders."""

from typing import Any

from litestar.params import FromPath, JSONBody

from portico.api import AppContext, JSONResponse, Request, get, json_response, post
from portico_chats.flags.service import Flags
from portico_chats.schemas import Chat, FolderIdForm
from portico_chats.service import Chats

ONE = "/api/v1/chats/{chat_id:str}"


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    flags, chats = Flags(app), Chats(app)

    @get(f"{ONE}/pinned", response_type=bool)
    async def is_pinned(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Return whether a chat is pinned."""
        return json_response(await flags.is_pinned(request.user, chat_id))

    @post(f"{ONE}/pin", response_type=Chat)
    async def pin(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Pin a chat, or unpin it."""
        await flags.pin(request.user, chat_id)
        return json_response(await chats.get(request.user, chat_id))

    @post(f"{ONE}/archive", response_type=Chat)
    async def archive(request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Archive a chat, or unarchive it. This removes it from its folder and ends its share."""
        await flags.archive(request.user, chat_id)
        return json_response(await chats.get(request.user, chat_id))

    @post(f"{ONE}/folder", response_type=Chat)
    async def file(
        request: Request, chat_id: FromPath[str], data: JSONBody[FolderIdForm]
    ) -> JSONResponse:
        """Move a chat to a folder, or out of its folder, and unpin it."""
        await flags.move_to_folder(request.user, chat_id, data.folder_id)
        return json_response(await chats.get(request.user, chat_id))

    @post("/api/v1/chats/archive/all", response_type=bool)
    async def archive_all(request: Request) -> JSONResponse:
        """Archive all chats of the caller."""
        await flags.archive_all(request.user, archived=True)
        return json_response(True)

    @post("/api/v1/chats/unarchive/all", response_type=bool)
    async def unarchive_all(request: Request) -> JSONResponse:
        """Unarchive all chats of the caller."""
        await flags.archive_all(request.user, archived=False)
        return json_response(True)

    return [is_pinned, pin, archive, file, archive_all, unarchive_all]
