"""Statistics about an account's chats: counts only, no content."""

from typing import Final

import msgspec

from portico.api.auth import Actor
from portico.api.db import fetch_all_in_thread

_CHATS: Final = (
    "SELECT COUNT(*) AS total, COUNT(CASE WHEN archived THEN 1 END) AS archived, "
    "COUNT(CASE WHEN pinned THEN 1 END) AS pinned, COUNT(share_id) AS shared, "
    "MIN(created_at) AS first_created_at, MAX(updated_at) AS last_updated_at FROM chats_chat WHERE user_id = $1"
)
_MESSAGES: Final = (
    "SELECT CASE WHEN m.role IN ('user', 'assistant') THEN m.role ELSE 'other' END AS role, COUNT(*) AS n "
    "FROM chats_chat c JOIN chats_message m ON m.chat_id = c.id WHERE c.user_id = $1 GROUP BY 1"
)


class MessageCounts(msgspec.Struct):
    """Number of messages by role."""

    total: int
    user: int
    assistant: int
    other: int


class Statistics(msgspec.Struct):
    """Statistics about an account's chats. Times: epoch seconds; null if there is no chat."""

    total: int
    archived: int
    pinned: int
    shared: int
    messages: MessageCounts
    first_created_at: int | None
    last_updated_at: int | None


async def statistics(actor: Actor) -> Statistics:
    """Return the statistics of the caller's chats."""
    (chats,) = await fetch_all_in_thread(_CHATS, actor.id)
    counts = {one["role"]: one["n"] for one in await fetch_all_in_thread(_MESSAGES, actor.id)}
    by_role = {role: counts.get(role, 0) for role in ("user", "assistant", "other")}
    return Statistics(**chats, messages=MessageCounts(total=sum(by_role.values()), **by_role))
