"""Which service stores the chat that a request or a reply belongs to."""

from portico.api import AppContext
from portico.api.interfaces import ChatStore
from portico_completions.request import is_temporary


def chat_store_of(app: AppContext, chat_id: str | None) -> ChatStore | None:
    """Return the store of a chat; None if the chat is not stored: without an id, temporary, or no plugin stores chats."""
    if chat_id is None or is_temporary(chat_id):
        return None
    return app.services.get(ChatStore)
