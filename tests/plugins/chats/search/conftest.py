"""Chats to be found, written row by row, and what ought to be found of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from portico.api import Folders, Service
from portico.db import execute, transaction
from portico.identity import Actor
from portico.testing import House
from portico_chats.search import texts
from portico_chats.search.finding import Bounds, Search
from portico_chats.search.index import Indexer
from portico_chats.search.postings import postings
from portico_chats.search.texts import TITLE, folded

ANN = Actor("ann", "Ann", "ann@example.org", "user", "", "")
BOB = Actor("bob", "Bob", "bob@example.org", "user", "", "")

#: Each way of finding on its own, and all of them as they are.
WAYS = {
    "as it is": Bounds(),
    "walk": Bounds(first=1, largest=3, near=0, dense=0, few=-1),
    "index": Bounds(first=1, near=0, dense=0, few=10**6),
    "a little of each": Bounds(first=1, largest=2, near=0, dense=3, few=2),
}


@dataclass
class Note:
    """A chat, as far as a search looks at it."""

    id: str
    owner: str = "ann"
    title: str = ""
    said: dict[str, str] = field(default_factory=dict)
    updated_at: int = 0
    archived: bool = False
    pinned: bool = False
    shared: bool = False
    folder: str | None = None
    tags: tuple[str, ...] = ()

    def holds(self, phrase: str) -> bool:
        return any(folded(phrase) in folded(text) for text in (self.title, *self.said.values()))


class Cabinet:
    """Folders of a name: a stand-in for the plugin that keeps them. `inside`: what lies below each."""

    inside = {"work": ["work", "work-deep"], "home": ["home"]}

    async def is_there(self, owner_id: str, folder_id: str) -> bool:
        return folder_id in self.inside

    async def below(self, owner_id: str, folder_id: str) -> list[str]:
        return self.inside.get(folder_id, [])

    async def named(self, owner_id: str, name: str) -> list[str]:
        return self.inside.get(name, [])


class Library:
    """The house of a test with its chats."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.indexer = house.portico.house.services.need(Indexer)

    def add(self, *notes: Note) -> None:
        self.house.call(self._add, notes)

    def say(self, note: Note, said: dict[str, str]) -> None:
        """Messages in the place of those with the same ids."""
        note.said |= said
        self.house.call(texts.put, note.owner, note.id, said)

    def remove(self, note: Note) -> None:
        self.house.call(self._remove, note)

    def settle(self) -> int:
        """Everything into the index. Returns how many texts waited."""
        return self.house.call(self.indexer.settle)

    def wipe(self) -> None:
        self.house.call(self._wipe)

    def page(
        self, text: str, page: int = 1, actor: Actor = ANN, bounds: Bounds | None = None
    ) -> list[dict[str, Any]]:
        search = Search(self.house.portico.house, bounds)
        return self.house.call(search.page, actor, text, page)

    def find(self, text: str, **options: Any) -> list[str]:
        """The ids on a page."""
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
                        "INSERT INTO chats_tagged (chat_id, tag_id, user_id) VALUES ($1, $2, $3)",
                        note.id,
                        tag,
                        note.owner,
                    )
                await texts.add(note.owner, note.id, {TITLE: note.title} | note.said)

    async def _remove(self, note: Note) -> None:
        async with transaction():
            await execute("DELETE FROM chats_chat WHERE id = $1", note.id)
            await texts.drop(note.id)

    async def _wipe(self) -> None:
        async with transaction():
            await execute("DELETE FROM chats_chat")
            await execute("DELETE FROM chats_text")
        await postings().clear()


@pytest.fixture
def library(house: House) -> Iterator[Library]:
    """Nothing is indexed but by `settle`."""
    kept = Library(house)
    house.call(kept.indexer.stop)
    house.portico.house.services.offer("cabinet", Service(Folders, Cabinet()))
    yield kept
