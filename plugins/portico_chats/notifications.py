"""Tells the sockets of a chat's owner what has changed. Source of names and shapes: the socket events of the API."""

from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.interfaces import ChatChanged, MessageEvent
from portico.api.sockets import CHAT_EVENT, chat_event
from portico_chats.content.message_events import asks_client


class Notifications:
    """Sends events about chats to the sockets of their owner, on all instances."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    def on_chat_changed(self, event: ChatChanged) -> None:
        """Send `chat:created`, `chat:updated` or `chat:deleted`."""
        self._send(event.user_id, event.id, None, f"chat:{event.change}", {"id": event.id})

    def on_message_event(self, event: MessageEvent) -> None:
        """Send an event of a message. The data of `chat:message` name the chat and the message again.

        An event that clients answer is not sent: see `Sockets.call`.
        """
        if asks_client(event.type):
            return
        data: Any = event.data
        if event.type == "chat:message":
            content = msgspec.json.decode(event.data, type=dict[str, msgspec.Raw])
            data = {"chat_id": event.chat_id, "message_id": event.message_id, **content}
        self._send(event.user_id, event.chat_id, event.message_id, event.type, data)

    def _send(
        self, user_id: str, chat_id: str, message_id: str | None, kind: str, data: Any
    ) -> None:
        payload = chat_event(chat_id, message_id, kind, data)
        self._app.sockets.emit_to_account(user_id, CHAT_EVENT, payload)
