"""Asks for replies that the server generates, as clients with a socket do; used by tests of several packages."""

import uuid
from typing import Any

from portico.testing import Client


def start_chat(user: Client, question: str = "Hi") -> tuple[str, str]:
    """Store a chat as clients do before they ask: the question and an empty answer. Return both ids."""
    message_id = str(uuid.uuid4())
    messages = {
        "q": {
            "id": "q",
            "parentId": None,
            "childrenIds": [message_id],
            "role": "user",
            "content": question,
        },
        message_id: {
            "id": message_id,
            "parentId": "q",
            "childrenIds": [],
            "role": "assistant",
            "content": "",
        },
    }
    chat = {"title": "New Chat", "history": {"messages": messages, "currentId": message_id}}
    answer = user.post("/api/v1/chats/new", json={"chat": chat})
    assert answer.status == 200
    return answer.json["id"], message_id


def ask(
    user: Client,
    chat_id: str,
    message_id: str,
    model: str = "good",
    session_id: str = "s",
    **more: Any,
) -> Any:
    """Ask for a reply in events."""
    return user.post(
        "/api/chat/completions",
        json={
            "model": model,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "session_id": session_id,
            "chat_id": chat_id,
            "id": message_id,
            "parent_id": "q",
            **more,
        },
    )


def stored(user: Client, chat_id: str, message_id: str) -> dict[str, Any]:
    """Return a message of a chat as it is read now."""
    chat = user.get(f"/api/v1/chats/{chat_id}").json
    message: dict[str, Any] = chat["chat"]["history"]["messages"][message_id]
    return message


def text_in(event: Any) -> str:
    """Return the text so far of an event about a message; empty if it has none."""
    data = event["data"].get("data")
    return data.get("content", "") if isinstance(data, dict) and "done" not in data else ""


def until_end(socket: Any, message_id: str) -> list[tuple[str, Any]]:
    """Return the types and data of the events about a message, up to the one that ends it."""
    found: list[tuple[str, Any]] = []
    while True:
        event = socket.wait_for("events", lambda one: one["message_id"] == message_id)
        kind, data = event["data"]["type"], event["data"].get("data")
        found.append((kind, data))
        if kind == "chat:tasks:cancel" or (data or {}).get("done"):
            return found
