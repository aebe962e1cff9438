"""Chats written row by row, and the expected results of searches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.plugins.chats.conftest import plugin_of

from portico.api import Service
from portico.api.interfaces import FolderLookup
from portico.db import execute, transaction
from portico.identity import Actor
from portico.testing import InProcessApp
from portico_chats.content.chat_content import TITLE_PART
from portico_chats.search.backend import index_backend
from portico_chats.search.search import Search, SearchLimits
from portico_chats.storage import indexed_texts
from portico_chats.storage.indexed_texts import folded

ANN = Actor("ann", "Ann", "ann@example.org", "user", "", "")
BOB = Actor("bob", "Bob", "bob@example.org", "user", "", "")

#: Each search strategy on its own, and all of them as configured.
STRATEGIES = {
    "as it is": SearchLimits(),
    "walk": SearchLimits(first=1, largest=3, near=0, dense=0, few=-1),
    "index": SearchLimits(first=1, near=0, dense=0, few=10**6),
    "a little of each": SearchLimits(first=1, largest=2, near=0, dense=3, few=2),
}


@dataclass
class Note:
    """A chat with the fields that a search reads."""

    id: str
    owner: str = "ann"
    title: str = ""
    messages: dict[str, str] = field(default_factory=dict)
    updated_at: int = 0
    archived: bool = False
    pinned: bool = False
    shared: bool = False
    folder: str | None = None
    tags: tuple[str, ...] = ()

    def contains(self, phrase: str) -> bool:
        return any(folded(phrase) in folded(text) for text in (self.title, *self.messages.values()))


class FolderStub:
    """A stand-in for the folders plugin. `inside`: the subtree ids of each name."""

    inside = {"work": ["work", "work-deep"], "home": ["home"]}

    async def exists(self, owner_id: str, folder_id: str) -> bool:
        return folder_id in self.inside

    async def subtree_ids(self, owner_id: str, folder_id: str) -> list[str]:
        return self.inside.get(folder_id, [])

    async def ids_by_name(self, owner_id: str, name: str) -> list[str]:
        return self.inside.get(name, [])


class Library:
    """The application of a test with its chats."""

    def __init__(self, app: InProcessApp) -> None:
        self.app = app
        self.indexer = plugin_of(app).indexer

    def add(self, *notes: Note) -> None:
        self.app.run(self._add, notes)

    def set_messages(self, note: Note, messages: dict[str, str]) -> None:
        """Replace the messages with these ids."""
        note.messages |= messages
        self.app.run(indexed_texts.put, note.owner, note.id, messages)

    def remove(self, note: Note) -> None:
        self.app.run(self._remove, note)

    def index_all(self) -> int:
        """Index everything. Returns how many texts waited."""
        return self.app.run(self.indexer.index_pending)

    def clear(self) -> None:
        self.app.run(self._wipe)

    def page(
        self, text: str, page: int = 1, actor: Actor = ANN, bounds: SearchLimits | None = None
    ) -> list[dict[str, Any]]:
        search = Search(self.app.portico.context, plugin_of(self.app).access, bounds)
        return self.app.run(search.page, actor, text, page)

    def find(self, text: str, **options: Any) -> list[str]:
        """Return the ids on a page."""
        return [chat["id"] for chat in self.page(text, **options)]

    async def _add(self, notes: Sequence[Note]) -> None:
        async with transaction():
            for note in notes:
                await execute(
                    "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, "
                    "updated_at, created_at) VALUES ($1, $1, 'user', $1, '', 0, 0, 0) ON CONFLICT DO NOTHING",
                    note.owner,
                )
                await execute(
                    "INSERT INTO chats_chat (id, user_id, title, chat, meta, created_at, updated_at, archived, "
                    "pinned, share_id, folder_id) VALUES ($1, $2, $3, '{}', '{}', 0, $4, $5, $6, $7, $8)",
                    note.id,
                    note.owner,
                    note.title,
                    note.updated_at,
                    note.archived,
                    note.pinned,
                    f"share-{note.id}" if note.shared else None,
                    note.folder,
                )
                for tag in note.tags:
                    await execute(
                        "INSERT INTO chats_chat_tag (chat_id, tag_id, user_id) VALUES ($1, $2, $3)",
                        note.id,
                        tag,
                        note.owner,
                    )
                await indexed_texts.add(
                    note.owner, note.id, {TITLE_PART: note.title} | note.messages
                )

    async def _remove(self, note: Note) -> None:
        async with transaction():
            await execute("DELETE FROM chats_chat WHERE id = $1", note.id)
            await indexed_texts.delete(note.id)

    async def _wipe(self) -> None:
        async with transaction():
            await execute("DELETE FROM chats_chat")
            await execute("DELETE FROM chats_text")
        await index_backend().clear()


@pytest.fixture
def library(app: InProcessApp) -> Iterator[Library]:
    """Texts are indexed only by `index_all`."""
    kept = Library(app)
    app.run(kept.indexer.stop)
    app.portico.context.services.provide("cabinet", Service(FolderLookup, FolderStub()))
    yield kept
