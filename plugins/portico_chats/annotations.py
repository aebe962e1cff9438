"""What a model writes about a chat: its title, its tags, and follow-up questions (the service `ChatAnnotations`)."""

from collections.abc import Sequence

import msgspec

from portico.api.db import now
from portico.api.interfaces import ChatBranch, ChatMessage
from portico.api.policy import EVERY_ROW
from portico_chats.access import ChatAccess, is_storable
from portico_chats.content.chat_content import TITLE_PART, extra_text
from portico_chats.content.chat_document import as_json, column_title, is_message_id
from portico_chats.content.message_body import read_message
from portico_chats.content.skeleton import skeleton_of
from portico_chats.storage import chat_queries, indexed_texts
from portico_chats.storage.branch_queries import StoredBranch, branch_of
from portico_chats.storage.single_message import update_message
from portico_chats.tags.service import Tags
from portico_chats.worker_thread import off_loop


class AnnotationService:
    """Reads a branch and writes what was generated from it. The caller has checked access."""

    def __init__(self, access: ChatAccess, tags: Tags) -> None:
        self._access, self._tags = access, tags

    async def branch(self, chat_id: str, message_id: str, limit: int) -> ChatBranch | None:
        """Return the branch of a message with its last `limit` messages; None if there is no such message."""
        if not (is_storable(chat_id) and is_message_id(message_id)):
            return None
        found = await branch_of(chat_id, message_id, limit)
        if found is None:
            return None
        return await off_loop(sum(map(len, [found.first, *found.bodies])), _chat_branch, found)

    async def title(self, chat_id: str) -> str:
        """Return the title of a chat; empty if there is no such chat."""
        return await chat_queries.title_of(chat_id)

    async def set_title(self, chat_id: str, title: str, *, instead_of: str) -> bool:
        """Set the title of a chat, in the list and in its document. See `ChatAnnotations`."""
        title = column_title(title)
        locked = await chat_queries.lock(chat_id, now(), EVERY_ROW)
        if locked is None or locked["title"] != instead_of:
            return False
        document = chat_queries.skeleton_of_row(locked).document()
        document = msgspec.structs.replace(
            document, parts=document.parts | {"title": as_json(title)}, title=title
        )
        await chat_queries.update(chat_id, title, skeleton_of(document))
        text = extra_text(title, document)
        await indexed_texts.put(locked["user_id"], chat_id, {TITLE_PART: text})
        self._access.publish_change(chat_id, locked["user_id"], "updated")
        return True

    async def set_tags(self, chat_id: str, names: Sequence[str]) -> list[str]:
        """Replace the tags of a chat. See `ChatAnnotations`."""
        return await self._tags.replace(chat_id, names)

    async def set_follow_ups(self, chat_id: str, message_id: str, questions: Sequence[str]) -> bool:
        """Store follow-up questions with a message. See `ChatAnnotations`."""
        locked = await chat_queries.lock(chat_id, now(), EVERY_ROW)
        if locked is None or not await update_message(
            locked,
            message_id,
            lambda _: {"followUps": list(questions)},
            "",
            None,
            make_current=False,
        ):
            return False
        self._access.publish_change(chat_id, locked["user_id"], "updated")
        return True


def _chat_branch(found: StoredBranch) -> ChatBranch:
    messages = [ChatMessage(one.role, one.text) for one in map(read_message, found.bodies)]
    return ChatBranch(found.length, read_message(found.first).text, messages)
