"""Access checks shared by all chat routes, the row lock of writers, and change events."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from portico.api import AppContext, Forbidden, NotFound
from portico.api.auth import Actor
from portico.api.db import after_commit, now
from portico.api.interfaces import ChatChanged, FolderLookup, RunningReplies
from portico.api.policy import SQLCondition
from portico_chats.content.running_texts import with_texts
from portico_chats.storage import chat_queries

KIND: Final = "chat"

T = TypeVar("T")


class ChatAccess:
    """Access checks for chats.

    Unknown and unreadable chats raise the same NotFound; Forbidden only if the actor may read the chat.
    """

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def condition_for(self, actor: Actor, action: str, *, first: int) -> SQLCondition:
        """Return the SQL condition for chats on which the actor may do something.

        `first`: number of its first placeholder.
        """
        return await self._app.permissions.where_allowed(actor, action, KIND, first)

    async def lock_for(self, actor: Actor, action: str, chat_id: str) -> dict[str, Any]:
        """Lock a chat until the transaction ends, see `chat_queries.lock`.

        Raises: NotFound; Forbidden if the actor may only read it.
        """
        where = await self.condition_for(actor, action, first=chat_queries.LOCK_FIRST)
        locked = await chat_queries.lock(check_id(chat_id), now(), where)
        if locked is None:
            raise await self.not_found_error(actor, action, chat_id)
        return locked

    async def not_found_error(self, actor: Actor, action: str, chat_id: str) -> NotFound:
        """Return the error for a chat that was not found.

        Raises: Forbidden if the actor may read the chat, but not do this.
        """
        return await self._app.permissions.refusal(actor, action, KIND, chat_id)

    async def has_folder(self, owner_id: str, folder_id: str) -> bool:
        """Return whether the account has this folder, and lock its folders until the transaction ends.

        Call it before locking a chat.
        """
        folders = self._app.services.get(FolderLookup)
        if folders is None or not is_storable(folder_id):
            return False
        await folders.lock(owner_id)
        return await folders.exists(owner_id, folder_id)

    async def with_running_texts(self, chat_id: str, document: str) -> str:
        """Return the document of a locked chat, in which messages that are being generated have their text so far."""
        texts = await self._running_texts(chat_id)
        return with_texts(document, texts) if texts else document

    async def read_growing(
        self, chat_id: str, read: Callable[[], Awaitable[tuple[T, str]]]
    ) -> tuple[T, str]:
        """Return what `read` returns, with the text so far in messages that are being generated.

        If a reply has ended while the document was read, it is read again: neither would have the whole text.
        """
        before = await self._running_texts(chat_id)
        found, document = await read()
        if not before:
            return found, document
        texts = await self._running_texts(chat_id)
        if texts.keys() != before.keys():
            found, document = await read()
        return found, with_texts(document, texts) if texts else document

    async def _running_texts(self, chat_id: str) -> Mapping[str, str]:
        replies = self._app.services.get(RunningReplies)
        return {} if replies is None else await replies.texts(chat_id)

    async def require_permission(self, actor: Actor, permission: str) -> None:
        """Check one permission, such as `chat.delete`. Raises: Forbidden."""
        if not await self._app.identity.is_permitted(actor, permission):
            raise Forbidden

    def publish_change(
        self, chat_id: str, owner_id: str, change: Literal["created", "updated", "deleted"]
    ) -> None:
        """Publish `ChatChanged` after the commit."""
        after_commit(lambda: self._app.events.publish(ChatChanged(chat_id, owner_id, change)))


def check_id(chat_id: str) -> str:
    """Return an id that can be sent to the database. Raises: NotFound; no chat has any other id."""
    if not is_storable(chat_id):
        raise NotFound
    return chat_id


def is_storable(chat_id: str) -> bool:
    """Return whether a chat can have this id."""
    return chat_id.isascii() and chat_id.isprintable()
