"""What plugins are told inside the transaction that stores a complete reply."""

import msgspec

from portico.api.interfaces import BackgroundTasks, ChatMessage, ChatStore, ReplyFinishing
from portico.api.prompts import role_of, text_of
from portico_completions.replies.store import ReplyRow
from portico_completions.request import CompletionRequest

NOTHING = BackgroundTasks()


def finishing_of(
    row: ReplyRow, request: CompletionRequest, chats: ChatStore | None, title: str
) -> ReplyFinishing | None:
    """Return the event of a reply that begins; None if its chat is not stored and its client wants nothing.

    `title`: of the chat.
    """
    if chats is None and request.wanted == NOTHING:
        return None
    messages = None
    if chats is None:
        messages = tuple(ChatMessage(role_of(one), text_of(one)) for one in request.messages)
    return ReplyFinishing(
        row.id,
        row.chat_id,
        row.message_id,
        row.user_id,
        request.model,
        request.wanted,
        title,
        messages,
    )


def with_reply(event: ReplyFinishing, text: str) -> ReplyFinishing:
    """Return the event of a complete reply: the conversation of a chat that is not stored ends with it."""
    if event.messages is None:
        return event
    messages = (*event.messages, ChatMessage("assistant", text))
    return msgspec.structs.replace(event, messages=messages)
