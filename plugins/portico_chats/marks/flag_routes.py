"""The routes of pinning, archiving and folders. What they do is in `flags.py`."""

from typing import Any

from litestar.params import FromPath, JSONBody

from portico.api import House, JSONBytes, Request, get, json_reply, post
from portico_chats.marks.flags import Flags
from portico_chats.schemas import Chat, FolderIdForm
from portico_chats.service import Chats

ONE = "/api/v1/chats/{chat_id:str}"


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    flags, chats = Flags(app), Chats(app)

    @get(f"{ONE}/pinned", answers=bool)
    async def is_pinned(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """Whether a chat is pinned."""
        return json_reply(await flags.is_pinned(request.user, chat_id))

    @post(f"{ONE}/pin", answers=Chat)
    async def pin(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """Pin a chat, or unpin it."""
        await flags.pin(request.user, chat_id)
        return json_reply(await chats.get(request.user, chat_id))

    @post(f"{ONE}/archive", answers=Chat)
    async def archive(request: Request, chat_id: FromPath[str]) -> JSONBytes:
        """Archive a chat, or take it out again. It is in no folder then, and shared no more."""
        await flags.archive(request.user, chat_id)
        return json_reply(await chats.get(request.user, chat_id))

    @post(f"{ONE}/folder", answers=Chat)
    async def file(
        request: Request, chat_id: FromPath[str], data: JSONBody[FolderIdForm]
    ) -> JSONBytes:
        """Put a chat into a folder, or into none, and unpin it."""
        await flags.file(request.user, chat_id, data.folder_id)
        return json_reply(await chats.get(request.user, chat_id))

    @post("/api/v1/chats/archive/all", answers=bool)
    async def archive_all(request: Request) -> JSONBytes:
        """Archive all chats of the caller's."""
        await flags.archive_all(request.user, archived=True)
        return json_reply(True)

    @post("/api/v1/chats/unarchive/all", answers=bool)
    async def unarchive_all(request: Request) -> JSONBytes:
        """Take all chats of the caller's out of the archive."""
        await flags.archive_all(request.user, archived=False)
        return json_reply(True)

    return [is_pinned, pin, archive, file, archive_all, unarchive_all]
