"""New chats, however somebody comes by them: who may have any, and what each needs besides its document."""

from collections.abc import Mapping
from typing import Any

from portico.api import Actor, AppContext, Forbidden, ForeignKeyViolation, NotFound
from portico_chats.access import ChatAccess
from portico_chats.content.chat_document import ChatDocument
from portico_chats.storage.writer import insert_chat
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.service import attach


class ChatCreator:
    """Puts chats where they are kept. A transaction is open."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._reach = ChatAccess(app)

    async def check_may_store(self, actor: Actor) -> None:
        """Raises: Forbidden for somebody whose chats are not to be kept."""
        temporary = "chat.temporary_enforced"
        if not actor.is_admin and await self._app.identity.is_permitted(actor, temporary):
            raise Forbidden

    async def create(
        self,
        row: dict[str, Any],
        document: ChatDocument,
        *,
        origin: str,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """A chat. Returns its document. `row`: see `new_row`. `origin`: the sign-in it comes through, "" = none.

        `tags`: names by id, of tags that are its owner's from now on if they were not before.
        Raises: NotFound if the owner's account is deleted in this moment.
        """
        try:
            if tags:
                # Before the chat: who deletes the account holds the tags and then waits for those who make chats.
                await tag_queries.lock_owner(row["user_id"])
            written = await insert_chat(row, document, origin)
        except ForeignKeyViolation as error:
            raise NotFound from error
        if tags:
            await attach(row["id"], row["user_id"], tags, archived=row["archived"])
        self._reach.publish_change(row["id"], row["user_id"], "created")
        return written.document
