"""Shows a sentence to an administrator whose form the web client lets fail in silence."""

from portico.api import AppContext

#: The client shows a notice for a reply that ended in another chat than the open one. There is no chat of this id.
NO_CHAT = "settings"


class RefusalNotices:
    """Sends notices to the sockets of accounts."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    def show(self, account_id: str, sentence: str) -> None:
        """Show a sentence in every window of an account."""
        reply = {"done": True, "title": "Not saved", "content": sentence}
        data = {"type": "chat:completion", "data": reply}
        event = {"chat_id": NO_CHAT, "message_id": "", "data": data}
        self._app.sockets.emit_to_account(account_id, "events", event)
