"""Which chats contain a text, such as the id of a file."""

from typing import Final

from portico.api.db import contains_pattern, fetch_all_in_thread

_FIND: Final = (
    "SELECT 1 AS found FROM chats_chat c WHERE c.user_id = $1 AND (c.chat LIKE $2 ESCAPE '!' "
    "OR EXISTS (SELECT 1 FROM chats_message m WHERE m.chat_id = c.id AND m.body LIKE $2 ESCAPE '!') "
    "OR EXISTS (SELECT 1 FROM chats_share s WHERE s.chat_id = c.id AND s.chat LIKE $2 ESCAPE '!')) LIMIT 1"
)


class StoredMentions:
    """Searches stored chats (the service `ChatMentions`)."""

    async def is_mentioned(self, account_id: str, text: str) -> bool:
        """Return whether a chat of the account contains this text (part of `ChatMentions`)."""
        return bool(await fetch_all_in_thread(_FIND, account_id, contains_pattern(text)))
