"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico.api.interfaces import ChatChanged
from portico_chats.access import ChatAccess
from portico_chats.annotations import AnnotationService
from portico_chats.creation import ChatCreator
from portico_chats.deletion import ChatDeleter
from portico_chats.flags.service import Flags
from portico_chats.listing.service import ChatLists
from portico_chats.messages import MessageService
from portico_chats.notifications import Notifications
from portico_chats.search.indexer import Indexer
from portico_chats.search.search import Search
from portico_chats.service import Chats
from portico_chats.sharing.clones import Clones
from portico_chats.sharing.shares import Shares
from portico_chats.storage.chat_cache import ChatCache
from portico_chats.storage.seen_revisions import SeenRevisions
from portico_chats.tags.service import Tags


class ChatsPlugin:
    """The services behind the routes, and the state they share: `cache`, `seen` and `indexer`."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.cache = ChatCache()
        self.seen = SeenRevisions()
        self.indexer = Indexer()
        self.access = ChatAccess(app)
        self.creator = ChatCreator(app, self.access)
        self.chats = Chats(self.access, self.creator, self.cache, self.seen)
        self.messages = MessageService(app, self.access)
        self.notifications = Notifications(app)
        self.deleter = ChatDeleter(self.access)
        self.flags = Flags(self.access)
        self.tags = Tags(self.access)
        self.annotations = AnnotationService(self.access, self.tags)
        self.lists = ChatLists(app, self.access)
        self.search = Search(app, self.access)
        self.shares = Shares(app, self.access)
        self.clones = Clones(self.access, self.creator, self.shares)

    def on_chat_changed(self, event: ChatChanged) -> None:
        """Wake the indexer, and drop what is remembered of a deleted chat."""
        self.indexer.wake()
        if event.change == "deleted":
            self.cache.forget(event.id)
            self.seen.forget(event.id)

    async def stop(self) -> None:
        """Stop indexing, and store the seen revisions that are still in memory."""
        await self.indexer.stop()
        await self.seen.flush()
