"""What may be done with chats, and by whom. Nothing here knows of HTTP."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from portico.api import (
    AccountDeleted,
    Actor,
    Forbidden,
    House,
    NotFound,
    Resource,
    after_commit,
    execute,
    new_id,
    now,
    row,
    rows,
    transaction,
)
from portico_chats.documents import NEW_CHAT, merged, read_document, whole, with_message
from portico_chats.events import ChatChanged
from portico_chats.schemas import Chat, ChatForm

KIND: Final = "chat"
#: Chats on one page.
PAGE: Final = 60
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
LAST_PAGE: Final = 2**32
EMPTY: Final = "{}"

_COLUMNS = (
    "id, user_id, title, chat, updated_at, created_at, share_id, archived, pinned, meta, folder_id"
)
_INSERT = (
    "INSERT INTO chats_chat (id, user_id, title, chat, meta, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $6)"
)
_KEEP = "UPDATE chats_chat SET chat = $2 WHERE id = $1"
# Taking the row before the document is read makes writers of one chat take turns, on every database. Its answer is
# the row as the writer before left it; a SELECT may still show an older one.
_TAKE = (
    "UPDATE chats_chat SET updated_at = $2, title = COALESCE($3, title) WHERE id = $1{} RETURNING "
)
_LIST = (
    "SELECT id, title, updated_at, created_at FROM chats_chat "
    "WHERE user_id = $1 AND archived = FALSE{} ORDER BY updated_at DESC, id{}"
)


class Chats:
    """Conversations. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: House) -> None:
        self._app = app

    async def create(self, actor: Actor, form: ChatForm) -> Chat:
        """A new chat of the caller's. Raises: Misshapen for a document of another shape, NotFound for a folder."""
        if not actor.is_admin and await self._permitted(actor, "chat.temporary_enforced"):
            raise Forbidden
        if form.folder_id:
            raise NotFound  # there are no folders yet, so this one is nobody's
        parts, title = read_document(form.chat)
        chat_id, at, document = new_id(), now(), whole(parts)
        title = NEW_CHAT if title is None else title
        async with transaction():
            await execute(_INSERT, chat_id, actor.id, title, document, EMPTY, at)
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
            meta=msgspec.Raw(EMPTY),
            folder_id=None,
        )

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """One chat."""
        which = self._app.permissions.visible(actor, "read", KIND, first=2)
        found = await row(
            f"SELECT {_COLUMNS} FROM chats_chat WHERE id = $1 AND {which.sql}",  # noqa: S608 - fixed texts
            _storable(chat_id),
            *which.args,
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
        but = ("" if include_pinned else " AND pinned = FALSE") + (
            "" if include_folders else " AND folder_id IS NULL"
        )
        if page is None:
            return await rows(_LIST.format(but, ""), actor.id)
        skip = (min(max(page, 1), LAST_PAGE) - 1) * PAGE
        return await rows(_LIST.format(but, " LIMIT $2 OFFSET $3"), actor.id, PAGE, skip)

    async def update(self, actor: Actor, chat_id: str, form: ChatForm) -> Chat:
        """Replace the top-level keys of the document that are given. Raises: as `create`."""
        changes, title = read_document(form.chat)
        async with transaction():
            found = await self._take(actor, chat_id, title)
            found["chat"] = merged(found["chat"], changes)
            await execute(_KEEP, chat_id, found["chat"])
            self._announce(chat_id, found["user_id"], "updated")
        return _chat(found)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: Forbidden for somebody who may not delete any."""
        if not await self._permitted(actor, "chat.delete"):
            raise Forbidden
        which = self._app.permissions.visible(actor, "delete", KIND, first=2)
        async with transaction():
            found = await rows(
                f"DELETE FROM chats_chat WHERE id = $1 AND {which.sql} RETURNING user_id",  # noqa: S608
                _storable(chat_id),
                *which.args,
            )
            if not found:
                await self._refuse(actor, "delete", chat_id)
            self._announce(chat_id, found[0]["user_id"], "deleted")

    async def account_deleted(self, event: AccountDeleted) -> None:
        """The chats of somebody who is gone go with them."""
        async with transaction():
            for gone in await rows(
                "DELETE FROM chats_chat WHERE user_id = $1 RETURNING id", event.id
            ):
                self._announce(gone["id"], event.id, "deleted")

    # -- for completions ------------------------------------------------------------------------------------

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether there is such a chat and the caller may have a model answer in it."""
        which = self._app.permissions.visible(actor, "write", KIND, first=2)
        found = await row(
            f"SELECT 1 AS there FROM chats_chat WHERE id = $1 AND {which.sql}",  # noqa: S608 - fixed texts
            "" if "\x00" in chat_id else chat_id,
            *which.args,
        )
        return found is not None

    async def note_reply(self, chat_id: str, message_id: str, fields: Mapping[str, Any]) -> None:
        """Lay fields over one message and make it the current one. A chat that is gone is left alone.

        The rest of the document stays, whoever writes to it at the same time.
        """
        async with transaction():
            found = await rows(_TAKE.format("") + "user_id, chat", chat_id, now(), None)
            for taken in found:
                await execute(_KEEP, chat_id, with_message(taken["chat"], message_id, fields))
                self._announce(chat_id, taken["user_id"], "updated")

    # -----------------------------------------------------------------------------------------------------------

    async def _take(self, actor: Actor, chat_id: str, title: str | None) -> dict[str, Any]:
        """Lock a chat for writing; its row as it was, but for its title and time."""
        which = self._app.permissions.visible(actor, "write", KIND, first=4)
        found = await rows(
            _TAKE.format(f" AND {which.sql}") + _COLUMNS,
            _storable(chat_id),
            now(),
            title,
            *which.args,
        )
        if not found:
            await self._refuse(actor, "write", chat_id)
        return found[0]

    async def _refuse(self, actor: Actor, action: str, chat_id: str) -> None:
        """Raises: NotFound, or Forbidden for somebody who may read it and no more."""
        found = await row("SELECT user_id FROM chats_chat WHERE id = $1", chat_id)
        if found is not None:
            await self._app.permissions.require(
                actor, action, Resource(KIND, chat_id, found["user_id"])
            )
        raise NotFound

    async def _permitted(self, actor: Actor, permission: str) -> bool:
        return await self._app.identity.is_permitted(actor, permission)

    def _announce(
        self, chat_id: str, user_id: str, change: Literal["created", "updated", "deleted"]
    ) -> None:
        after_commit(lambda: self._app.events.publish(ChatChanged(chat_id, user_id, change)))


def _storable(chat_id: str) -> str:
    """An id that a database can be asked for. Raises: NotFound; nothing was ever stored under another."""
    if not (chat_id.isascii() and chat_id.isprintable()):
        raise NotFound
    return chat_id


def _chat(found: dict[str, Any]) -> Chat:
    return Chat(**found | {"chat": msgspec.Raw(found["chat"]), "meta": msgspec.Raw(found["meta"])})
