"""Routes of lists, of the search, of statistics and of bulk exports."""

from typing import Annotated

from litestar.params import FromPath, FromQuery, QueryParameter

from portico.api.json import json_array_stream
from portico.api.models import SourceResponse
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    StreamResponse,
    get,
    json_response,
    stream_response,
)
from portico_chats.components import ChatsPlugin
from portico_chats.listing.service import order_of
from portico_chats.listing.statistics import Statistics, statistics
from portico_chats.schemas import Chat, FolderChat, ListedChat

CHATS = "/api/v1/chats"
#: Permission to read many whole chats at once.
EXPORT = "chat.export"

Title = Annotated[str, QueryParameter(name="query", description="What titles contain, in any case")]


class ChatListRoutes(Controller):
    """`/api/v1/chats`: lists of chats and everything at once."""

    plugin: ChatsPlugin

    @get(f"{CHATS}/pinned", response_type=list[ListedChat])
    async def list_pinned(self, request: Request) -> JSONResponse:
        """List the caller's chats that are pinned and not archived, the last changed first."""
        return json_response(await self.plugin.lists.pinned(request.user))

    @get(f"{CHATS}/archived", response_type=list[ListedChat])
    async def list_archived(
        self,
        request: Request,
        *,
        page: FromQuery[int] = 1,
        title: Title = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
    ) -> JSONResponse:
        """List the caller's archived chats, 60 a page.

        `order_by`: `title`, `created_at` or `updated_at`; `direction`: `asc` or `desc`. Without both, the last
        changed come first.
        """
        by = order_of(order_by, direction)
        return json_response(await self.plugin.lists.archived(request.user, page, title, by))

    @get(f"{CHATS}/list/user/{{user_id:str}}", requires="chat:read", response_type=list[ListedChat])
    async def list_of_account(
        self,
        request: Request,
        user_id: FromPath[str],
        *,
        page: FromQuery[int] = 1,
        title: Title = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
    ) -> JSONResponse:
        """List the chats of an account, archived ones too, 60 a page. Same parameters as the list of archived chats."""
        by = order_of(order_by, direction)
        return json_response(
            await self.plugin.lists.of_account(request.user, user_id, page, title, by)
        )

    @get(f"{CHATS}/folder/{{folder_id:str}}", permission=EXPORT, response_type=list[Chat])
    async def get_subtree(self, request: Request, folder_id: FromPath[str]) -> StreamResponse:
        """Return the caller's whole chats in a folder and its subfolders, without pinned and archived ones."""
        blocks = await self.plugin.lists.in_subtree(request.user, folder_id)
        return stream_response(request, SourceResponse(body=json_array_stream(blocks)))

    @get(f"{CHATS}/folder/{{folder_id:str}}/list", response_type=list[FolderChat])
    async def list_folder(
        self, request: Request, folder_id: FromPath[str], page: FromQuery[int] = 1
    ) -> JSONResponse:
        """List the caller's chats in a folder itself, 10 a page, without pinned and archived ones."""
        return json_response(await self.plugin.lists.in_folder(request.user, folder_id, page))

    @get(f"{CHATS}/all", permission=EXPORT, response_type=list[Chat])
    async def get_all(self, request: Request) -> StreamResponse:
        """Return all whole chats of the caller, archived ones too, the last changed first."""
        return stream_response(
            request,
            SourceResponse(body=json_array_stream(await self.plugin.lists.all(request.user))),
        )

    @get(f"{CHATS}/all/archived", permission=EXPORT, response_type=list[Chat])
    async def get_all_archived(self, request: Request) -> StreamResponse:
        """Return all archived whole chats of the caller, the last changed first."""
        blocks = await self.plugin.lists.all(request.user, archived=True)
        return stream_response(request, SourceResponse(body=json_array_stream(blocks)))

    @get(f"{CHATS}/all/db", requires="chat:export", permission=EXPORT, response_type=list[Chat])
    async def get_all_of_all_users(self, request: Request) -> StreamResponse:
        """Return all whole chats of all users."""
        return stream_response(
            request,
            SourceResponse(body=json_array_stream(await self.plugin.lists.all_users(request.user))),
        )

    @get(f"{CHATS}/search", response_type=list[ListedChat])
    async def search(
        self, request: Request, text: FromQuery[str], page: FromQuery[int] = 1
    ) -> JSONResponse:
        """Search the caller's chats for a text in their title or messages, the last changed first; 60 a page.

        Operators such as `tag:travel`, `folder:work`, `pinned:true`, `archived:true` and `shared:true` narrow the
        search.
        """
        return json_response(await self.plugin.search.page(request.user, text, page))

    @get(f"{CHATS}/stats", response_type=Statistics)
    async def get_statistics(self, request: Request) -> JSONResponse:
        """Return statistics about the caller's chats."""
        return json_response(await statistics(request.user))
