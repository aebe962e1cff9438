"""New chats, however somebody comes by them: who may have any, and what each needs besides its document."""

from collections.abc import Mapping
from typing import Any

from portico.api import Actor, Forbidden, ForeignKeyViolation, House, NotFound
from portico_chats.content.documents import Document
from portico_chats.marks import tag_rows
from portico_chats.marks.tags import hang
from portico_chats.reach import Reach
from portico_chats.storage.writing import plant


class Making:
    """Puts chats where they are kept. A transaction is open."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._reach = Reach(app)

    async def allow(self, actor: Actor) -> None:
        """Raises: Forbidden for somebody whose chats are not to be kept."""
        temporary = "chat.temporary_enforced"
        if not actor.is_admin and await self._app.identity.is_permitted(actor, temporary):
            raise Forbidden

    async def make(
        self,
        row: dict[str, Any],
        document: Document,
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
                await tag_rows.take(row["user_id"])
            written = await plant(row, document, origin)
        except ForeignKeyViolation as error:
            raise NotFound from error
        if tags:
            await hang(row["id"], row["user_id"], tags, archived=row["archived"])
        self._reach.announce(row["id"], row["user_id"], "created")
        return written.document
