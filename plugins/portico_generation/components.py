"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico.api.db import after_commit
from portico.api.interfaces import ReplyFinishing
from portico_generation.after_reply.tasks import AfterReplyTasks
from portico_generation.after_reply.temporary_chats import TemporaryChats
from portico_generation.config import GenerationConfigService
from portico_generation.generator import Generator


class GenerationPlugin:
    """What generates, on request and after replies, and the form of its settings."""

    def __init__(self, app: AppContext) -> None:
        self.generator = Generator(app)
        self.after_reply = AfterReplyTasks(app, self.generator)
        self.temporary_chats = TemporaryChats(app, self.generator)
        self.config = GenerationConfigService(app)

    async def on_reply_finishing(self, event: ReplyFinishing) -> None:
        """Arrange for what the client of a reply wants, in the transaction that stores the reply."""
        if event.messages is None:
            await self.after_reply.create_first(event)
        else:
            after_commit(lambda: self.temporary_chats.start(event))
