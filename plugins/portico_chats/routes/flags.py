"""Routes of pinning, archiving and folders."""

from litestar.params import FromPath, JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_chats.components import ChatsPlugin
from portico_chats.schemas import Chat, FolderIdForm

ONE = "/api/v1/chats/{chat_id:str}"


class FlagRoutes(Controller):
    """`/api/v1/chats/{id}`: pin, archive and folder."""

    plugin: ChatsPlugin

    @get(f"{ONE}/pinned", response_type=bool)
    async def is_pinned(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Return whether a chat is pinned."""
        return json_response(await self.plugin.flags.is_pinned(request.user, chat_id))

    @post(f"{ONE}/pin", response_type=Chat)
    async def pin(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Pin a chat, or unpin it."""
        await self.plugin.flags.pin(request.user, chat_id)
        return json_response(await self.plugin.chats.get(request.user, chat_id))

    @post(f"{ONE}/archive", response_type=Chat)
    async def archive(self, request: Request, chat_id: FromPath[str]) -> JSONResponse:
        """Archive a chat, or unarchive it. This removes it from its folder and ends its share."""
        await self.plugin.flags.archive(request.user, chat_id)
        return json_response(await self.plugin.chats.get(request.user, chat_id))

    @post(f"{ONE}/folder", response_type=Chat)
    async def move_to_folder(
        self, request: Request, chat_id: FromPath[str], data: JSONBody[FolderIdForm]
    ) -> JSONResponse:
        """Move a chat to a folder, or out of its folder, and unpin it."""
        await self.plugin.flags.move_to_folder(request.user, chat_id, data.folder_id)
        return json_response(await self.plugin.chats.get(request.user, chat_id))

    @post("/api/v1/chats/archive/all", response_type=bool)
    async def archive_all(self, request: Request) -> JSONResponse:
        """Archive all chats of the caller."""
        await self.plugin.flags.archive_all(request.user, archived=True)
        return json_response(True)

    @post("/api/v1/chats/unarchive/all", response_type=bool)
    async def unarchive_all(self, request: Request) -> JSONResponse:
        """Unarchive all chats of the caller."""
        await self.plugin.flags.archive_all(request.user, archived=False)
        return json_response(True)
