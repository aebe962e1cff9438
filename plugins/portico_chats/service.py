"""What may be done with chats, and by whom. Nothing here knows of HTTP."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from portico.api import (
    AccountLeaving,
    Actor,
    Folders,
    Forbidden,
    House,
    NotFound,
    Resource,
    after_commit,
    new_id,
    now,
    transaction,
)
from portico_chats import store
from portico_chats.documents import NEW_CHAT, read_document
from portico_chats.events import ChatChanged
from portico_chats.schemas import Chat, ChatForm
from portico_chats.search import texts
from portico_chats.seen import Seen
from portico_chats.whole import chat_of, new_row
from portico_chats.writing import graft, note, plant

KIND: Final = "chat"


class Chats:
    """Conversations. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: House) -> None:
        self._app = app

    async def create(self, actor: Actor, form: ChatForm) -> Chat:
        """A new chat of the caller's.

        Raises: Misshapen for a document of another shape; NotFound for a folder that is not theirs; Forbidden for
        somebody whose chats are not to be kept.
        """
        if not actor.is_admin and await self._permitted(actor, "chat.temporary_enforced"):
            raise Forbidden
        document = read_document(form.chat)
        if form.folder_id:
            await self._own_folder(actor, form.folder_id)
        title = NEW_CHAT if document.title is None else document.title
        row = new_row(new_id(), actor.id, title, now()) | {"folder_id": form.folder_id or None}
        async with transaction():
            text = await plant(row, document, actor.session_id)
            self._announce(row["id"], actor.id, "created")
        return chat_of(row, text)

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """One chat."""
        where = await self._where(actor, "read", first=store.FIND_FIRST)
        found = await store.find(_storable(chat_id), where)
        if found is None:
            raise NotFound
        self._app.services.need(Seen).note(chat_id, actor.session_id, found["revision"])
        return chat_of(found)

    async def page(
        self, actor: Actor, page: int | None, *, include_pinned: bool, include_folders: bool
    ) -> list[dict[str, Any]]:
        """The caller's own chats that are not archived, the last changed first. Shape: rows of `ListedChat`.

        At most 60, or all of them without a page.
        """
        return await store.page(actor.id, page, pinned=include_pinned, folders=include_folders)

    async def update(self, actor: Actor, chat_id: str, form: ChatForm) -> Chat:
        """Lay the top-level keys that are given over the document. Raises: Misshapen, as `create`.

        Of the history, a message that somebody else has written meanwhile stays (see `trees`).
        """
        changes = read_document(form.chat)
        where = await self._where(actor, "write", first=store.TAKE_FIRST)
        async with transaction():
            taken = await store.take(_storable(chat_id), now(), where)
            if taken is None:
                raise await self._refusal(actor, "write", chat_id)
            seen = self._app.services.need(Seen)
            text = await graft(taken, changes, actor.session_id, seen.of)
            self._announce(chat_id, taken["user_id"], "updated")
        return chat_of(taken, text)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: Forbidden for somebody who may not delete any."""
        if not await self._permitted(actor, "chat.delete"):
            raise Forbidden
        where = await self._where(actor, "delete", first=store.FIND_FIRST)
        async with transaction():
            owner_id = await store.delete(_storable(chat_id), where)
            if owner_id is None:
                raise await self._refusal(actor, "delete", chat_id)
            await texts.drop(chat_id)
            self._announce(chat_id, owner_id, "deleted")

    async def account_leaving(self, event: AccountLeaving) -> None:
        """The chats of somebody who leaves go with them."""
        for chat_id in await store.delete_all(event.id):
            self._announce(chat_id, event.id, "deleted")
        await texts.drop_all(event.id)

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether there is such a chat and the caller may have a model answer in it."""
        where = await self._where(actor, "write", first=store.FIND_FIRST)
        return _is_storable(chat_id) and await store.is_there(chat_id, where)

    async def note_reply(self, chat_id: str, message_id: str, fields: Mapping[str, Any]) -> None:
        """Lay fields over one message and make it the current one. A chat that is gone is left alone.

        The rest of the chat stays, whoever writes to it at the same time.
        """
        async with transaction():
            taken = await store.take(chat_id, now(), store.ANY)
            if taken is not None:
                await note(taken, message_id, fields, origin="")
                self._announce(chat_id, taken["user_id"], "updated")

    async def _own_folder(self, actor: Actor, folder_id: str) -> None:
        folders = self._app.services.get(Folders)
        if folders is None or not await folders.is_there(actor.id, _storable(folder_id)):
            raise NotFound

    async def _where(self, actor: Actor, action: str, *, first: int) -> store.Where:
        which = await self._app.permissions.visible(actor, action, KIND, first)
        return which.sql, which.args

    async def _refusal(self, actor: Actor, action: str, chat_id: str) -> NotFound:
        """Why a chat was not found. Raises: Forbidden for somebody who may read it and no more."""
        owner_id = await store.owner_of(chat_id)
        if owner_id is not None:
            resource = Resource(KIND, chat_id, owner_id)
            await self._app.permissions.require(actor, action, resource)
        return NotFound()

    async def _permitted(self, actor: Actor, permission: str) -> bool:
        return await self._app.identity.is_permitted(actor, permission)

    def _announce(
        self, chat_id: str, user_id: str, change: Literal["created", "updated", "deleted"]
    ) -> None:
        after_commit(lambda: self._app.events.publish(ChatChanged(chat_id, user_id, change)))


def _is_storable(chat_id: str) -> bool:
    return chat_id.isascii() and chat_id.isprintable()


def _storable(chat_id: str) -> str:
    """An id that a database can be asked for. Raises: NotFound; nothing was ever kept under another."""
    if not _is_storable(chat_id):
        raise NotFound
    return chat_id
