"""Sharing: snapshots of a chat for all users who have the share id. Nothing here knows HTTP."""

from typing import Any

from portico.api import AppContext, NotFound
from portico.api.auth import Actor
from portico.api.db import new_id, now, transaction
from portico.api.interfaces import SHARED_ACCOUNT_PREFIX
from portico.api.policy import Resource
from portico_chats.access import KIND, ChatAccess, check_id, is_storable
from portico_chats.schemas import Chat
from portico_chats.sharing import queries as share_queries
from portico_chats.sharing.snapshots import snapshot
from portico_chats.storage import chat_queries
from portico_chats.storage.serialization import (
    new_row,
    render_document,
    render_locked_document,
    to_chat,
)
from portico_chats.worker_thread import off_loop


class Shares:
    """Snapshots of chats. Unknown ids and ids that the caller may not use raise the same NotFound."""

    def __init__(self, app: AppContext, access: ChatAccess) -> None:
        self._app = app
        self._access = access

    async def share(self, actor: Actor, chat_id: str) -> Chat:
        """Share a chat as it is now. Shared again, it keeps its share id and the snapshot is refreshed.

        Raises: Forbidden without the permission to share; InvalidRequest for a document that cannot be parsed.
        """
        await self._access.require_permission(actor, "chat.share")
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            share_id = await share_queries.assign_share_id(chat_id, new_id())
            found = await chat_queries.find_skeleton_row(chat_id) if share_id else None
            if share_id is None or found is None:
                raise NotFound
            document = await render_locked_document(found)
            document = await self._access.with_running_texts(chat_id, document)
            text = await off_loop(len(document), snapshot, document, chat_id, owner_id, share_id)
            at = now()
            await share_queries.save_snapshot(share_id, found, text, at)
            self._access.publish_change(chat_id, owner_id, "updated")
        return _shared({**found, "id": share_id, "updated_at": at, "chat": text})

    async def unshare(self, actor: Actor, chat_id: str) -> bool:
        """End the share of a chat. Returns whether it was shared."""
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            was_shared = await share_queries.drop(chat_id)
            if was_shared:
                self._access.publish_change(chat_id, owner_id, "updated")
        return was_shared

    async def get_shared(self, actor: Actor, share_id: str) -> Chat:
        """Return what is shared under this id.

        An actor who may read other users' chats also gets a chat by its own id.
        """
        found = await share_queries.find(check_id(share_id))
        return _shared(found) if found else await self._readable(actor, share_id)

    async def owner_of(self, share_id: str) -> str | None:
        """Return the owner of a shared chat (part of `SharedChats`)."""
        return await share_queries.owner_of(share_id) if is_storable(share_id) else None

    async def _require(self, actor: Actor, chat_id: str) -> str:
        """Return the owner of a chat. Raises: NotFound; Forbidden if the actor may read the chat, but not share it."""
        owner_id = await chat_queries.owner_of(check_id(chat_id))
        if owner_id is None:
            raise NotFound
        await self._app.permissions.require(actor, "share", Resource(KIND, chat_id, owner_id))
        return owner_id

    async def _readable(self, actor: Actor, chat_id: str) -> Chat:
        where = await self._access.condition_for(actor, "read", first=chat_queries.FIND_FIRST)
        found = await chat_queries.find(chat_id, where)
        # Having an id does not make one's own chat a shared one.
        if found is None or (found["user_id"] == actor.id and not actor.is_admin):
            raise NotFound
        return to_chat(found, await render_document(found))


def _shared(row: dict[str, Any]) -> Chat:
    """Return a snapshot as a response: it contains nothing of its chat but what was stored."""
    plain = new_row(
        row["id"], f"{SHARED_ACCOUNT_PREFIX}{row['id']}", row["title"], row["updated_at"]
    )
    return to_chat(plain | {"created_at": row["created_at"]}, row["chat"])
