"""Which chats somebody may touch, how one is taken to be changed, and who hears of it."""

from typing import Any, Final, Literal

from portico.api import (
    Actor,
    AppContext,
    ChatChanged,
    FolderLookup,
    Forbidden,
    NotFound,
    Resource,
    after_commit,
    now,
)
from portico_chats.storage import chat_queries

KIND: Final = "chat"


class ChatAccess:
    """What every door to chats asks. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def condition_for(self, actor: Actor, action: str, *, first: int) -> chat_queries.Where:
        """The condition for rows somebody may do something with. `first`: number of its first placeholder."""
        which = await self._app.permissions.where_allowed(actor, action, KIND, first)
        return which.sql, which.args

    async def lock_for(self, actor: Actor, action: str, chat_id: str) -> dict[str, Any]:
        """Lock a chat until the transaction ends, see `store.take`. Raises: NotFound; Forbidden for who may only read it."""
        where = await self.condition_for(actor, action, first=chat_queries.TAKE_FIRST)
        taken = await chat_queries.lock(check_id(chat_id), now(), where)
        if taken is None:
            raise await self.refusal(actor, action, chat_id)
        return taken

    async def refusal(self, actor: Actor, action: str, chat_id: str) -> NotFound:
        """Why a chat was not found. Raises: Forbidden for somebody who may read it and no more."""
        owner_id = await chat_queries.owner_of(chat_id)
        if owner_id is not None:
            resource = Resource(KIND, chat_id, owner_id)
            await self._app.permissions.require(actor, action, resource)
        return NotFound()

    async def has_folder(self, owner_id: str, folder_id: str) -> bool:
        """Whether somebody has a folder, which then stays until the transaction ends. Asked before a chat is touched."""
        folders = self._app.services.get(FolderLookup)
        if folders is None or not is_storable(folder_id):
            return False
        await folders.lock(owner_id)
        return await folders.exists(owner_id, folder_id)

    async def require_permission(self, actor: Actor, permission: str) -> None:
        """Raises: Forbidden for somebody without a word of the permission tree, such as `chat.delete`."""
        if not await self._app.identity.is_permitted(actor, permission):
            raise Forbidden

    def publish_change(
        self, chat_id: str, owner_id: str, change: Literal["created", "updated", "deleted"]
    ) -> None:
        """Tell whoever listens, once it is true."""
        after_commit(lambda: self._app.events.publish(ChatChanged(chat_id, owner_id, change)))


def check_id(chat_id: str) -> str:
    """An id that a database can be asked for. Raises: NotFound; nothing was ever kept under another."""
    if not is_storable(chat_id):
        raise NotFound
    return chat_id


def is_storable(chat_id: str) -> bool:
    """Whether a chat may have that id."""
    return chat_id.isascii() and chat_id.isprintable()
