"""Who keeps conversations: what a completion needs to know of them, and nothing else.

Offered as a service by whichever plugin stores chats. Where nobody offers it, chat ids in requests mean nothing.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from portico.identity import Actor


class Conversations(Protocol):
    """Stored conversations, as seen from a completion."""

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether this person may have a reply noted in that chat. An unknown chat is False, like a foreign one."""
        ...

    async def note_reply(self, chat_id: str, message_id: str, fields: Mapping[str, Any]) -> None:
        """Merge fields into a message of a chat, made if it is not there. Asked only after `may_write`.

        Shape: `parentId`, `model`, and `error: {"content": …}` if there was no reply. Raises nothing because a
        chat is gone by now.
        """
        ...
