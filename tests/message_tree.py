"""The messages of a chat, as the web client keeps them in memory."""

import uuid
from typing import Any


class MessageTree:
    """Messages by id, each with its parent and its children. `current`: the last message of the shown branch."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.current: str | None = None

    def add(self, role: str, content: str = "", *, parent: str | None = None, **more: Any) -> str:
        """Add a message below the current one, or below another parent. `more`: of its fields. Returns its id."""
        parent = parent or self.current
        message_id = str(uuid.uuid4())
        self.messages[message_id] = {
            "id": message_id,
            "parentId": parent,
            "childrenIds": [],
            "role": role,
            "content": content,
            **more,
        }
        if parent is not None:
            self.messages[parent]["childrenIds"].append(message_id)
        self.current = message_id
        return message_id

    def branch(self) -> list[dict[str, Any]]:
        """Return the messages from the first to the current one."""
        found, message_id = [], self.current
        while message_id is not None:
            found.insert(0, self.messages[message_id])
            message_id = self.messages[message_id]["parentId"]
        return found
