"""What may be done with chats, and by whom. Nothing here knows of HTTP."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from portico.api import (
    AccountLeaving,
    Actor,
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
from portico_chats.documents import NEW_CHAT, merged, read_document, whole, with_message
from portico_chats.events import ChatChanged
from portico_chats.schemas import Chat, ChatForm

KIND: Final = "chat"


class Chats:
    """Conversations. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: House) -> None:
        self._app = app

    async def create(self, actor: Actor, form: ChatForm) -> Chat:
        """A new chat of the caller's.

        Raises: Misshapen for a document of another shape; NotFound for a folder; Forbidden for somebody whose
        chats are not to be kept.
        """
        if not actor.is_admin and await self._permitted(actor, "chat.temporary_enforced"):
            raise Forbidden
        if form.folder_id:
            raise NotFound  # there are no folders yet, so this one is nobody's
        parts, title = read_document(form.chat)
        chat_id, at, document = new_id(), now(), whole(parts)
        title = NEW_CHAT if title is None else title
        async with transaction():
            await store.insert(chat_id, actor.id, title, document, at)
            self._announce(chat_id, actor.id, "created")
        return Chat(
            id=chat_id,
            user_id=actor.id,
            title=title,
            chat=msgspec.Raw(document),
            updated_at=at,
            created_at=at,
            share_id=None,
            archived=False,
            pinned=False,
            meta=msgspec.Raw(b"{}"),
            folder_id=None,
        )

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """One chat."""
        found = await store.find(
            _storable(chat_id), await self._where(actor, "read", first=store.FIND_FIRST)
        )
        if found is None:
            raise NotFound
        return _chat(found)

    async def page(
        self, actor: Actor, page: int | None, *, include_pinned: bool, include_folders: bool
    ) -> list[dict[str, Any]]:
        """The caller's own chats that are not archived, the last changed first. Shape: rows of `ListedChat`.

        At most 60, or all of them without a page.
        """
        return await store.page(actor.id, page, pinned=include_pinned, folders=include_folders)

    async def update(self, actor: Actor, chat_id: str, form: ChatForm) -> Chat:
        """Replace the top-level keys of the document that are given. Raises: Misshapen, as `create`."""
        changes, title = read_document(form.chat)
        where = await self._where(actor, "write", first=store.TAKE_FIRST)
        async with transaction():
            found = await store.take(_storable(chat_id), now(), title, where)
            if found is None:
                raise await self._refusal(actor, "write", chat_id)
            found["chat"] = merged(found["chat"], changes)
            await store.keep(chat_id, found["chat"])
            self._announce(chat_id, found["user_id"], "updated")
        return _chat(found)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: Forbidden for somebody who may not delete any."""
        if not await self._permitted(actor, "chat.delete"):
            raise Forbidden
        where = await self._where(actor, "delete", first=store.FIND_FIRST)
        async with transaction():
            owner_id = await store.delete(_storable(chat_id), where)
            if owner_id is None:
                raise await self._refusal(actor, "delete", chat_id)
            self._announce(chat_id, owner_id, "deleted")

    async def account_leaving(self, event: AccountLeaving) -> None:
        """The chats of somebody who leaves go with them."""
        for chat_id in await store.delete_all(event.id):
            self._announce(chat_id, event.id, "deleted")

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether there is such a chat and the caller may have a model answer in it."""
        where = await self._where(actor, "write", first=store.FIND_FIRST)
        return _is_storable(chat_id) and await store.is_there(chat_id, where)

    async def note_reply(self, chat_id: str, message_id: str, fields: Mapping[str, Any]) -> None:
        """Lay fields over one message and make it the current one. A chat that is gone is left alone.

        The rest of the document stays, whoever writes to it at the same time.
        """
        async with transaction():
            found = await store.take(chat_id, now(), None, store.ANY)
            if found is not None:
                await store.keep(chat_id, with_message(found["chat"], message_id, fields))
                self._announce(chat_id, found["user_id"], "updated")

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


def _chat(found: dict[str, Any]) -> Chat:
    return Chat(**found | {"chat": msgspec.Raw(found["chat"]), "meta": msgspec.Raw(found["meta"])})
