"""Creating, reading and changing whole chats, with permission checks. Nothing here knows HTTP."""

from typing import Any

import msgspec

from portico.api import NotFound
from portico.api.auth import Actor
from portico.api.db import new_id, now, transaction
from portico.api.policy import SQLCondition
from portico_chats.access import ChatAccess, check_id
from portico_chats.content.chat_content import ContentChange
from portico_chats.content.chat_document import NEW_CHAT, ChatDocument, read_document
from portico_chats.creation import ChatCreator
from portico_chats.schemas import Chat, ChatForm
from portico_chats.storage import chat_queries
from portico_chats.storage.chat_cache import CachedChat, ChatCache
from portico_chats.storage.seen_revisions import SeenRevisions
from portico_chats.storage.serialization import new_row, render_document, to_chat
from portico_chats.storage.writer import apply_changes
from portico_chats.worker_thread import off_loop, size_of


class Chats:
    """Whole chats. Raises NotFound for a chat the actor may not read, see `ChatAccess`."""

    def __init__(
        self, access: ChatAccess, creator: ChatCreator, cache: ChatCache, seen: SeenRevisions
    ) -> None:
        self._access = access
        self._creator = creator
        self._cache = cache
        self._seen = seen

    async def create(self, actor: Actor, form: ChatForm) -> Chat:
        """Create a chat of the caller.

        Raises: ValidationError for a document of another shape; NotFound for an unknown folder; Forbidden if the
        caller's chats are not to be stored.
        """
        await self._creator.check_may_store(actor)
        title, new = await off_loop(_size(form), _new_content, form, actor.session_id)
        # What was sent is not needed any more: of a document of megabytes each copy counts.
        form.chat.clear()
        row = new_row(new_id(), actor.id, title, now()) | {"folder_id": form.folder_id or None}
        async with transaction():
            if form.folder_id and not await self._access.has_folder(actor.id, form.folder_id):
                raise NotFound
            text = await self._creator.create(row, new)
        return await off_loop(len(text), to_chat, row, text)

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """Return one chat."""
        where = await self._access.condition_for(actor, "read", first=chat_queries.FIND_FIRST)
        found, document = await self._access.read_growing(
            check_id(chat_id), lambda: self._read(chat_id, where)
        )
        self._seen.record(chat_id, actor.session_id, found["revision"])
        return await off_loop(len(document), to_chat, found, document)

    async def page(
        self, actor: Actor, page: int | None, *, include_pinned: bool, include_folders: bool
    ) -> list[dict[str, Any]]:
        """Return the caller's own chats that are not archived, the last changed first. Shape: rows of `ListedChat`.

        At most 60, or all of them without a page.
        """
        return await chat_queries.page(
            actor.id, page, pinned=include_pinned, folders=include_folders
        )

    async def update(self, actor: Actor, chat_id: str, form: ChatForm) -> Chat:
        """Replace the given top-level keys of the document.

        A message of the history that another client has written in the meantime stays (see `message_tree`). Raises:
        ValidationError as `create`; Forbidden if the document leaves a message out and the actor may not delete
        messages.
        """
        latest = self._cache.latest(chat_id)
        previous = latest.request if latest else None
        size = _size(form)
        # Existing messages may have ids that are too long: see `apply_changes`.
        changes = await off_loop(size, read_document, form.chat, previous, long_ids=True)
        if (chat := await self._unchanged_chat(actor, chat_id, changes)) is not None:
            return chat
        async with transaction():
            locked = await self._access.lock_for(actor, "write", chat_id)
            known = self._cache.get(chat_id, locked["revision"] - 1)
            before = known.content if known else None
            change = await apply_changes(locked, changes, actor.session_id, self._seen.of, before)
            if change.deleted_ids:
                await self._access.require_permission(actor, "chat.delete_message")
            self._access.publish_change(chat_id, locked["user_id"], "updated")
        content = change.content
        if known is not None and content is known.content:
            document = known.document
        else:
            document = await off_loop(content.size, content.render)
        sent = msgspec.structs.replace(changes, history_json=changes.history_json.copy())
        self._cache.store(chat_id, CachedChat(locked["revision"], document, content, sent))
        return await off_loop(len(document), to_chat, locked, document)

    async def _unchanged_chat(
        self, actor: Actor, chat_id: str, changes: ChatDocument
    ) -> Chat | None:
        """Return the chat if it already equals the result and was changed in the same second: there is nothing to write."""
        known = self._cache.latest(chat_id)
        if known is None or known.content is None:
            return None
        if not await off_loop(changes.size, known.content.is_unchanged, changes):
            return None
        where = await self._access.condition_for(actor, "write", first=chat_queries.FIND_FIRST)
        found = await chat_queries.find_metadata(chat_id, where)
        if (
            found is None
            or found["revision"] != known.revision
            or found["updated_at"] < now()
            or changes.title not in (None, found["title"])
        ):
            return None
        return to_chat(found, known.document)

    async def _read(self, chat_id: str, where: SQLCondition) -> tuple[dict[str, Any], str]:
        """Return the columns of a chat and its document; the document comes from the cache if the revision is the same."""
        if chat_id in self._cache:
            found = await chat_queries.find_metadata(chat_id, where)
            if found is None:
                raise NotFound
            if (known := self._cache.get(chat_id, found["revision"])) is not None:
                return found, known.document
        found = await chat_queries.find(chat_id, where)
        if found is None:
            raise NotFound
        document = await render_document(found)
        self._cache.store(chat_id, CachedChat(found["revision"], document))
        return found, document


def _new_content(form: ChatForm, session_id: str) -> tuple[str, ContentChange]:
    """Return the title and the content of a new chat."""
    document = read_document(form.chat)
    title = NEW_CHAT if document.title is None else document.title
    return title, ContentChange.create(document, title, session_id)


def _size(form: ChatForm) -> int:
    """Return the bytes of a document as it was sent."""
    return sum(map(size_of, form.chat.values()))
