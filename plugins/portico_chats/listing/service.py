"""Lists of the caller's chats and, with permission, of other users' chats. Nothing here knows HTTP."""

from collections.abc import AsyncIterator
from typing import Any

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import Actor
from portico.api.db import page_offset, transaction
from portico.api.interfaces import FolderLookup
from portico.api.policy import SQLCondition
from portico_chats.access import KIND, ChatAccess, check_id
from portico_chats.listing import queries as list_queries
from portico_chats.schemas import Chat
from portico_chats.storage.chat_queries import PAGE_SIZE
from portico_chats.storage.indexed_texts import folded
from portico_chats.storage.serialization import to_chats

Blocks = AsyncIterator[list[Chat]]


class ChatLists:
    """Lists of chats. Items have the shape of `ListedChat`; whole chats come in blocks."""

    def __init__(self, app: AppContext, access: ChatAccess) -> None:
        self._app = app
        self._access = access

    async def pinned(self, actor: Actor) -> list[dict[str, Any]]:
        """Return the caller's chats that are pinned and not archived."""
        return await list_queries.pinned(actor.id, await self._readable(actor))

    async def archived(
        self, actor: Actor, number: int, query: str, by: str
    ) -> list[dict[str, Any]]:
        """Return a page of the caller's archived chats. `query`, `by`: as in `_page`."""
        return await self._page(actor, actor.id, number, query, by, archived=True)

    async def of_account(
        self, actor: Actor, user_id: str, number: int, query: str, by: str
    ) -> list[dict[str, Any]]:
        """Return a page of an account's chats, archived ones included. Raises: NotFound if there is no such account."""
        await self._app.identity.accounts.by_id(user_id)
        return await self._page(actor, user_id, number, query, by, archived=None)

    async def in_folder(self, actor: Actor, folder_id: str, number: int) -> list[dict[str, Any]]:
        """Return a page of the chats in a folder of the caller. Shape: `FolderChat`. Raises: NotFound."""
        folders = self._app.services.get(FolderLookup)
        if folders is None or not await folders.exists(actor.id, check_id(folder_id)):
            raise NotFound
        where = await self._readable(actor, list_queries.FOLDER_FIRST)
        return await list_queries.in_folder(actor.id, folder_id, where, number)

    async def all(self, actor: Actor, *, archived: bool | None = None) -> Blocks:
        """Return all of the caller's chats, or only the archived ones."""
        where = await self._readable(actor)
        ids = await list_queries.ids(actor.id, where, archived=archived)
        return to_chats(list_queries.stream(ids))

    async def in_subtree(self, actor: Actor, folder_id: str) -> Blocks:
        """Return the chats in a folder of the caller and its subfolders that are neither pinned nor archived.

        Raises: NotFound.
        """
        folders = self._app.services.get(FolderLookup)
        inside = await folders.subtree_ids(actor.id, check_id(folder_id)) if folders else []
        if not inside:
            raise NotFound
        where = await self._readable(actor)
        return to_chats(
            list_queries.stream(await list_queries.ids_in_folders(actor.id, inside, where))
        )

    async def all_users(self, actor: Actor) -> Blocks:
        """Return all chats of all users. Raises: Forbidden unless the actor may read every chat."""
        if not await self._app.permissions.allows_on_all(actor, KIND, "read"):
            raise Forbidden
        async with transaction():
            await record_change("chat.all_exported", KIND, "")
        return to_chats(list_queries.all_users(await self._readable(actor, 1)))

    async def _page(
        self,
        actor: Actor,
        owner_id: str,
        number: int,
        query: str,
        by: str,
        *,
        archived: bool | None,
    ) -> list[dict[str, Any]]:
        """Return a page of an account's chats. `query`: text that titles contain, in any case. `by`: see `order_of`."""
        where = await self._readable(actor)
        if not query:
            return await list_queries.page(owner_id, where, number, by, archived=archived)
        # No database folds the case of every script; SQLite folds only ASCII.
        wanted = folded(query)
        found = await list_queries.titles(owner_id, where, by, archived=archived)
        ids = [one["id"] for one in found if wanted in folded(one["title"])]
        start = page_offset(number, PAGE_SIZE)
        return await list_queries.by_ids(ids[start : start + PAGE_SIZE])

    async def _readable(self, actor: Actor, first: int = list_queries.FIRST) -> SQLCondition:
        return await self._access.condition_for(actor, "read", first=first)


def order_of(column: str, direction: str) -> str:
    """Return what follows ORDER BY. Without column or direction the last changed come first.

    Raises: InvalidRequest for an unknown column or direction.
    """
    try:
        by = list_queries.order(column or "updated_at", direction or "desc")
    except KeyError:
        raise InvalidRequest from None
    return by if column and direction else list_queries.order("updated_at", "desc")
