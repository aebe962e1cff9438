"""Sharing: a chat as it was at one moment, for everybody who has its id. No HTTP here."""

from typing import Any

from portico.api import (
    SHARED_ACCOUNT_PREFIX,
    Actor,
    AppContext,
    NotFound,
    Resource,
    new_id,
    now,
    transaction,
)
from portico_chats.access import KIND, ChatAccess, check_id, is_storable
from portico_chats.schemas import Chat
from portico_chats.sharing import queries as share_queries
from portico_chats.sharing.snapshots import snapshot
from portico_chats.storage import chat_queries
from portico_chats.storage.serialization import document_of_taken, new_row, render_document, to_chat
from portico_chats.worker_thread import off_loop


class Shares:
    """Snapshots of chats. Ids that do not exist and those of no use to the caller raise the same NotFound."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._reach = ChatAccess(app)

    async def share(self, actor: Actor, chat_id: str) -> Chat:
        """Let everybody read a chat as it is now. Again: the same id, the chat as it is then.

        Raises: Forbidden for somebody who may not share any; Invalid for a document that cannot be understood.
        """
        await self._reach.require_permission(actor, "chat.share")
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            share_id = await share_queries.assign_share_id(chat_id, new_id())
            found = await chat_queries.frame_row(chat_id) if share_id else None
            if share_id is None or found is None:
                raise NotFound
            document = await document_of_taken(found)
            text = await off_loop(len(document), snapshot, document, chat_id, owner_id, share_id)
            at = now()
            await share_queries.save_snapshot(share_id, found, text, at)
            self._reach.publish_change(chat_id, owner_id, "updated")
        return _shared({**found, "id": share_id, "updated_at": at, "chat": text})

    async def unshare(self, actor: Actor, chat_id: str) -> bool:
        """Let nobody read it any more. Returns whether it was shared."""
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            was_shared = await share_queries.drop(chat_id)
            if was_shared:
                self._reach.publish_change(chat_id, owner_id, "updated")
        return was_shared

    async def get_shared(self, actor: Actor, share_id: str) -> Chat:
        """What is shared under this id; for whoever may read the chats of others, also a chat under its own."""
        found = await share_queries.find(check_id(share_id))
        return _shared(found) if found else await self._readable(actor, share_id)

    async def author_of(self, share_id: str) -> str | None:
        """Part of `SharedChats`."""
        return await share_queries.author_of(share_id) if is_storable(share_id) else None

    async def _require(self, actor: Actor, chat_id: str) -> str:
        """Whose chat it is. Raises: NotFound; Forbidden for somebody who may read it and no more."""
        owner_id = await chat_queries.owner_of(check_id(chat_id))
        if owner_id is None:
            raise NotFound
        await self._app.permissions.require(actor, "share", Resource(KIND, chat_id, owner_id))
        return owner_id

    async def _readable(self, actor: Actor, chat_id: str) -> Chat:
        where = await self._reach.condition_for(actor, "read", first=chat_queries.FIND_FIRST)
        found = await chat_queries.find(chat_id, where)
        # One's own chat is not shared by having an id.
        if found is None or (found["user_id"] == actor.id and not actor.is_admin):
            raise NotFound
        return to_chat(found, await render_document(found))


def _shared(row: dict[str, Any]) -> Chat:
    """A snapshot as it goes over the wire: of its chat it tells nothing but what was kept."""
    plain = new_row(
        row["id"], f"{SHARED_ACCOUNT_PREFIX}{row['id']}", row["title"], row["updated_at"]
    )
    return to_chat(plain | {"created_at": row["created_at"]}, row["chat"])
