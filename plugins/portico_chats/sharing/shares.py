"""Sharing: a chat as it was at one moment, for everybody who has its id. No HTTP here."""

from typing import Any

from portico.api import SHARED, Actor, House, NotFound, Resource, new_id, now, transaction
from portico_chats.off_loop import off_loop
from portico_chats.reach import KIND, Reach, is_storable, storable
from portico_chats.schemas import Chat
from portico_chats.sharing import share_rows
from portico_chats.sharing.snapshots import snapshot
from portico_chats.storage import store
from portico_chats.storage.whole import chat_of, document_of, document_of_taken, new_row


class Shares:
    """Snapshots of chats. Ids that do not exist and those of no use to the caller raise the same NotFound."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._reach = Reach(app)

    async def share(self, actor: Actor, chat_id: str) -> Chat:
        """Let everybody read a chat as it is now. Again: the same id, the chat as it is then.

        Raises: Forbidden for somebody who may not share any; Invalid for a document that cannot be understood.
        """
        await self._reach.permits(actor, "chat.share")
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            share_id = await share_rows.point(chat_id, new_id())
            found = await store.frame_row(chat_id) if share_id else None
            if share_id is None or found is None:
                raise NotFound
            document = await document_of_taken(found)
            text = await off_loop(len(document), snapshot, document, chat_id, owner_id, share_id)
            at = now()
            await share_rows.keep(share_id, found, text, at)
            self._reach.announce(chat_id, owner_id, "updated")
        return _shared({**found, "id": share_id, "updated_at": at, "chat": text})

    async def take_back(self, actor: Actor, chat_id: str) -> bool:
        """Let nobody read it any more. Returns whether it was shared."""
        async with transaction():
            owner_id = await self._require(actor, chat_id)
            was_shared = await share_rows.drop(chat_id)
            if was_shared:
                self._reach.announce(chat_id, owner_id, "updated")
        return was_shared

    async def open(self, actor: Actor, share_id: str) -> Chat:
        """What is shared under this id; for whoever may read the chats of others, also a chat under its own."""
        found = await share_rows.find(storable(share_id))
        return _shared(found) if found else await self._readable(actor, share_id)

    async def author_of(self, share_id: str) -> str | None:
        """Part of `SharedConversations`."""
        return await share_rows.author_of(share_id) if is_storable(share_id) else None

    async def _require(self, actor: Actor, chat_id: str) -> str:
        """Whose chat it is. Raises: NotFound; Forbidden for somebody who may read it and no more."""
        owner_id = await store.owner_of(storable(chat_id))
        if owner_id is None:
            raise NotFound
        await self._app.permissions.require(actor, "share", Resource(KIND, chat_id, owner_id))
        return owner_id

    async def _readable(self, actor: Actor, chat_id: str) -> Chat:
        where = await self._reach.where(actor, "read", first=store.FIND_FIRST)
        found = await store.find(chat_id, where)
        # One's own chat is not shared by having an id.
        if found is None or (found["user_id"] == actor.id and not actor.is_admin):
            raise NotFound
        return chat_of(found, await document_of(found))


def _shared(row: dict[str, Any]) -> Chat:
    """A snapshot as it goes over the wire: of its chat it tells nothing but what was kept."""
    plain = new_row(row["id"], f"{SHARED}{row['id']}", row["title"], row["updated_at"])
    return chat_of(plain | {"created_at": row["created_at"]}, row["chat"])
