"""The routes of lists, and of everything at once. What they do is in `lists.py` and `removal.py`."""

from typing import Annotated, Any

from litestar.params import FromPath, FromQuery, QueryParameter

from portico.api import (
    House,
    JSONBytes,
    Reply,
    ReplyStream,
    Request,
    as_array,
    delete,
    get,
    json_reply,
    stream_reply,
)
from portico_chats.lists.lists import Lists, order_of
from portico_chats.removal import Removal
from portico_chats.schemas import Chat, FiledChat, ListedChat

CHATS = "/api/v1/chats"
#: Whole chats, many at once, are for those who may take them along.
EXPORT = "chat.export"

Title = Annotated[str, QueryParameter(name="query", description="What titles contain, in any case")]


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    lists, removal = Lists(app), Removal(app)

    @get(f"{CHATS}/pinned", answers=list[ListedChat])
    async def pinned(request: Request) -> JSONBytes:
        """The caller's chats that are pinned and not archived, the last changed first."""
        return json_reply(await lists.pinned(request.user))

    @get(f"{CHATS}/archived", answers=list[ListedChat])
    async def archived(
        request: Request,
        *,
        page: FromQuery[int] = 1,
        title: Title = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
    ) -> JSONBytes:
        """The caller's archived chats, 60 a page.

        `order_by`: `title`, `created_at` or `updated_at`; `direction`: `asc` or `desc`. Without both, the last changed
        come first.
        """
        by = order_of(order_by, direction)
        return json_reply(await lists.archived(request.user, page, title, by))

    @get(f"{CHATS}/list/user/{{user_id:str}}", may="chat:read", answers=list[ListedChat])
    async def of_account(
        request: Request,
        user_id: FromPath[str],
        *,
        page: FromQuery[int] = 1,
        title: Title = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
    ) -> JSONBytes:
        """Somebody's chats, archived ones too, 60 a page. The queries: as of the archived ones."""
        by = order_of(order_by, direction)
        return json_reply(await lists.of_account(request.user, user_id, page, title, by))

    @get(f"{CHATS}/folder/{{folder_id:str}}", permission=EXPORT, answers=list[Chat])
    async def below(request: Request, folder_id: FromPath[str]) -> ReplyStream:
        """The caller's chats in a folder and in those below it, whole; none that is pinned or archived."""
        blocks = await lists.below(request.user, folder_id)
        return stream_reply(request, Reply(body=as_array(blocks)))

    @get(f"{CHATS}/folder/{{folder_id:str}}/list", answers=list[FiledChat])
    async def in_folder(
        request: Request, folder_id: FromPath[str], page: FromQuery[int] = 1
    ) -> JSONBytes:
        """The caller's chats in a folder itself, 10 a page; none that is pinned or archived."""
        return json_reply(await lists.in_folder(request.user, folder_id, page))

    @get(f"{CHATS}/all", permission=EXPORT, answers=list[Chat])
    async def all_chats(request: Request) -> ReplyStream:
        """All of the caller's chats, whole, archived ones too; the last changed first."""
        return stream_reply(request, Reply(body=as_array(await lists.all(request.user))))

    @get(f"{CHATS}/all/archived", permission=EXPORT, answers=list[Chat])
    async def all_archived(request: Request) -> ReplyStream:
        """All of the caller's archived chats, whole; the last changed first."""
        blocks = await lists.all(request.user, archived=True)
        return stream_reply(request, Reply(body=as_array(blocks)))

    @get(f"{CHATS}/all/db", may="chat:export", permission=EXPORT, answers=list[Chat])
    async def everything(request: Request) -> ReplyStream:
        """All chats of everybody, whole."""
        return stream_reply(request, Reply(body=as_array(await lists.everything(request.user))))

    @delete(CHATS, answers=bool)
    async def remove_all(request: Request) -> JSONBytes:
        """Delete all of the caller's chats."""
        await removal.all(request.user)
        return json_reply(True)

    return [
        pinned,
        archived,
        of_account,
        below,
        in_folder,
        all_chats,
        all_archived,
        everything,
        remove_all,
    ]
