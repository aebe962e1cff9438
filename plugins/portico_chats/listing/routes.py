"""Routes of lists, of bulk exports, and of the deletion of all chats."""

from typing import Annotated, Any

from litestar.params import FromPath, FromQuery, QueryParameter

from portico.api import (
    AppContext,
    JSONResponse,
    Request,
    SourceResponse,
    StreamResponse,
    delete,
    get,
    json_array_stream,
    json_response,
    stream_response,
)
from portico_chats.deletion import ChatDeleter
from portico_chats.listing.service import ChatLists, order_of
from portico_chats.schemas import Chat, FolderChat, ListedChat

CHATS = "/api/v1/chats"
#: Permission to read many whole chats at once.
EXPORT = "chat.export"

Title = Annotated[str, QueryParameter(name="query", description="What titles contain, in any case")]


def routes(app: AppContext) -> list[Any]:
    """Return the route handlers."""
    lists, deleter = ChatLists(app), ChatDeleter(app)

    @get(f"{CHATS}/pinned", response_type=list[ListedChat])
    async def pinned(request: Request) -> JSONResponse:
        """List the caller's chats that are pinned and not archived, the last changed first."""
        return json_response(await lists.pinned(request.user))

    @get(f"{CHATS}/archived", response_type=list[ListedChat])
    async def archived(
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
        return json_response(await lists.archived(request.user, page, title, by))

    @get(f"{CHATS}/list/user/{{user_id:str}}", requires="chat:read", response_type=list[ListedChat])
    async def of_account(
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
        return json_response(await lists.of_account(request.user, user_id, page, title, by))

    @get(f"{CHATS}/folder/{{folder_id:str}}", permission=EXPORT, response_type=list[Chat])
    async def below(request: Request, folder_id: FromPath[str]) -> StreamResponse:
        """Return the caller's whole chats in a folder and its subfolders, without pinned and archived ones."""
        blocks = await lists.in_subtree(request.user, folder_id)
        return stream_response(request, SourceResponse(body=json_array_stream(blocks)))

    @get(f"{CHATS}/folder/{{folder_id:str}}/list", response_type=list[FolderChat])
    async def in_folder(
        request: Request, folder_id: FromPath[str], page: FromQuery[int] = 1
    ) -> JSONResponse:
        """List the caller's chats in a folder itself, 10 a page, without pinned and archived ones."""
        return json_response(await lists.in_folder(request.user, folder_id, page))

    @get(f"{CHATS}/all", permission=EXPORT, response_type=list[Chat])
    async def all_chats(request: Request) -> StreamResponse:
        """Return all whole chats of the caller, archived ones too, the last changed first."""
        return stream_response(
            request, SourceResponse(body=json_array_stream(await lists.all(request.user)))
        )

    @get(f"{CHATS}/all/archived", permission=EXPORT, response_type=list[Chat])
    async def all_archived(request: Request) -> StreamResponse:
        """Return all archived whole chats of the caller, the last changed first."""
        blocks = await lists.all(request.user, archived=True)
        return stream_response(request, SourceResponse(body=json_array_stream(blocks)))

    @get(f"{CHATS}/all/db", requires="chat:export", permission=EXPORT, response_type=list[Chat])
    async def all_users(request: Request) -> StreamResponse:
        """Return all whole chats of all users."""
        return stream_response(
            request, SourceResponse(body=json_array_stream(await lists.all_users(request.user)))
        )

    @delete(CHATS, response_type=bool)
    async def remove_all(request: Request) -> JSONResponse:
        """Delete all of the caller's chats."""
        await deleter.delete_all(request.user)
        return json_response(True)

    return [
        pinned,
        archived,
        of_account,
        below,
        in_folder,
        all_chats,
        all_archived,
        all_users,
        remove_all,
    ]
