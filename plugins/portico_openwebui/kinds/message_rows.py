"""Rows of `chat_message`, in versions that write each message beside the document of its chat."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from portico_openwebui.databases import SourceDatabase
from portico_openwebui.values import BadValueError, Row, flag, json_value, seconds, text

#: The columns that are JSON, with the keys of a message.
_JSON: Final[Mapping[str, str]] = {
    "content": "content",
    "output": "output",
    "files": "files",
    "sources": "sources",
    "embeds": "embeds",
    "status_history": "statusHistory",
    "error": "error",
    "usage": "usage",
    "meta": "meta",
}
_TEXTS: Final[Mapping[str, str]] = {
    "role": "role",
    "parent_id": "parentId",
    "model_id": "model",
    "user_id": "user_id",
    "context_summary": "contextSummary",
}
_COLUMNS: Final = ("id", "chat_id", "done", "created_at", *_JSON, *_TEXTS)
#: Chats of one statement.
_MAX_CHATS: Final = 50


class ChatMessages:
    """The messages of one chat, by their ids."""

    def __init__(self, chat_id: str, rows: list[Row]) -> None:
        rows = sorted(rows, key=lambda row: seconds(row.get("created_at")) or 0)
        found = [_message(chat_id, row) for row in rows]
        self._messages: dict[str, dict[str, Any]] = {one["id"]: one for one in found}

    def history(self, current: str | None) -> dict[str, Any]:
        """Return the history of a document. `current`: the message that was shown; if it is none, the newest without a child."""
        for message_id, message in self._messages.items():
            parent = self._messages.get(message["parentId"] or "")
            if parent is not None and parent is not message:
                parent["childrenIds"].append(message_id)
            elif parent is message:
                message["parentId"] = None
        if current not in self._messages:
            leaves = [one for one, message in self._messages.items() if not message["childrenIds"]]
            current = leaves[-1] if leaves else next(reversed(self._messages), None)
        return {"messages": self._messages, "currentId": current}


class MessageRows:
    """The rows of messages of some chats."""

    def __init__(self, by_chat: Mapping[str, list[Row]] | None = None) -> None:
        self._by_chat = by_chat or {}

    @classmethod
    async def of(cls, database: SourceDatabase, chat_ids: Collection[str]) -> "MessageRows":
        """Read the rows of some chats."""
        by_chat: dict[str, list[Row]] = {}
        wanted = sorted(chat_ids)
        for at in range(0, len(wanted), _MAX_CHATS):
            chunk = wanted[at : at + _MAX_CHATS]
            for row in await database.lookup("chat_message", _COLUMNS, "chat_id", chunk):
                by_chat.setdefault(text(row.get("chat_id")) or "", []).append(row)
        return cls(by_chat)

    def of_chat(self, chat_id: str) -> ChatMessages | None:
        """Return the messages of a chat; None if it has no rows."""
        rows = self._by_chat.get(chat_id)
        return None if rows is None else ChatMessages(chat_id, rows)


def _message(chat_id: str, row: Row) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": (text(row.get("id")) or "").removeprefix(f"{chat_id}-"),
        "parentId": None,
        "childrenIds": [],
        "content": "",
    }
    for column, key in _TEXTS.items():
        if found := text(row.get(column)):
            message[key] = found
    for column, key in _JSON.items():
        try:
            value = json_value(row.get(column), column)
        except BadValueError:
            value = text(row.get(column)) if column == "content" else None
        if value is not None:
            message[key] = value
    if row.get("done") is not None:
        message["done"] = flag(row["done"])
    if (at := seconds(row.get("created_at"))) is not None:
        message["timestamp"] = at
    return message
