"""Creation of chats, on every path: who may store chats, and what is written besides the document."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from portico.api import AppContext, Forbidden, NotFound
from portico.api.auth import Actor
from portico.api.db import ForeignKeyViolation
from portico_chats.access import ChatAccess
from portico_chats.content.chat_content import ContentChange
from portico_chats.storage.writer import insert_chats
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.service import TaggedChat, attach_all
from portico_chats.worker_thread import off_loop


class NewChat(NamedTuple):
    """A chat to store. `row`: see `new_row`; `change`: see `ContentChange.create`; `tags`: names by id."""

    row: dict[str, Any]
    change: ContentChange
    tags: Mapping[str, str]


async def store_chats(chats: Sequence[NewChat]) -> None:
    """Store chats of any owners with their tags, in the open transaction, in a few statements for all. Publishes nothing.

    Raises: ForeignKeyViolation if an owner's account is being deleted; UniqueViolation if an id is taken.
    """
    tagged = [
        TaggedChat(one.row["id"], one.row["user_id"], one.tags, one.row["archived"])
        for one in chats
        if one.tags
    ]
    # Before the chats: an account's deletion locks the tags and then waits for transactions that create chats.
    for owner_id in sorted({one.owner_id for one in tagged}):
        await tag_queries.lock_owner(owner_id)
    await insert_chats([(one.row, one.change) for one in chats])
    await attach_all(tagged)


class ChatCreator:
    """Stores new chats. Call its methods inside a transaction."""

    def __init__(self, app: AppContext, access: ChatAccess) -> None:
        self._app = app
        self._access = access

    async def check_may_store(self, actor: Actor) -> None:
        """Raises: Forbidden if the actor's chats are not to be stored (`chat.temporary_enforced`)."""
        temporary = "chat.temporary_enforced"
        if not actor.is_admin and await self._app.identity.is_permitted(actor, temporary):
            raise Forbidden

    async def create(
        self,
        row: dict[str, Any],
        new: ContentChange,
        *,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Insert a chat. Returns its document. `row`: see `new_row`; `new`: see `ContentChange.create`.

        `tags`: names by id; tags that the owner does not have yet are created. Raises: NotFound if the owner's
        account is being deleted.
        """
        try:
            await store_chats([NewChat(row, new, tags or {})])
        except ForeignKeyViolation as error:
            raise NotFound from error
        self._access.publish_change(row["id"], row["user_id"], "created")
        return await off_loop(new.content.size, new.content.render)
