"""SQL of shares, without rules.

A share counts only while its chat points to it: without the pointer the link is dead, whatever else is left.
"""

from typing import Any, Final

from portico.api.db import execute, fetch_all_in_thread, fetch_one

# The same row lock that writers of the chat wait for; neither its time nor its revision changes.
_POINT: Final = (
    "UPDATE chats_chat SET share_id = COALESCE(share_id, $2) WHERE id = $1 RETURNING share_id"
)
_KEEP: Final = (
    "INSERT INTO chats_share (id, chat_id, title, created_at, updated_at, chat) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (chat_id) DO UPDATE SET id = excluded.id, title = excluded.title, "
    "created_at = excluded.created_at, updated_at = excluded.updated_at, chat = excluded.chat"
)
_FORGET: Final = "UPDATE chats_chat SET share_id = NULL WHERE id = $1 AND share_id IS NOT NULL"
_DROP: Final = "DELETE FROM chats_share WHERE chat_id = $1"
_FIND: Final = (
    "SELECT s.id, s.title, s.created_at, s.updated_at, s.chat FROM chats_share s "
    "JOIN chats_chat c ON c.id = s.chat_id AND c.share_id = s.id WHERE s.id = $1"
)
_AUTHOR: Final = (
    "SELECT c.user_id FROM chats_share s JOIN chats_chat c ON c.id = s.chat_id AND c.share_id = s.id "
    "WHERE s.id = $1"
)


async def assign_share_id(chat_id: str, share_id: str) -> str | None:
    """Lock a chat and set its share id: its existing one, else this. Returns it; None if the chat does not exist."""
    found = await fetch_one(_POINT, chat_id, share_id)
    return found["share_id"] if found else None


async def save_snapshot(share_id: str, chat: dict[str, Any], document: str, at: int) -> None:
    """Store a snapshot of a chat in place of the previous one. `at`: epoch seconds."""
    await execute(_KEEP, share_id, chat["id"], chat["title"], chat["created_at"], at, document)


async def drop(chat_id: str) -> bool:
    """Delete the share of a chat. Returns whether there was one."""
    was_shared = await execute(_FORGET, chat_id) > 0
    await execute(_DROP, chat_id)
    return was_shared


async def find(share_id: str) -> dict[str, Any] | None:
    """Return what is shared under an id."""
    found = await fetch_all_in_thread(_FIND, share_id)
    return found[0] if found else None


async def owner_of(share_id: str) -> str | None:
    """Return the id of the owner of the chat that is shared under an id."""
    found = await fetch_one(_AUTHOR, share_id)
    return found["user_id"] if found else None
