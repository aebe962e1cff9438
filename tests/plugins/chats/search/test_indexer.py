"""The index follows what is written, by itself, in any number of processes, through faults."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.chats.search.conftest import ANN, WAYS, Library, Note

from portico.api import after_commit
from portico.db import Database, fetch_all, fetch_one, open_database, transaction
from portico.interfaces import ChatChanged
from portico.testing import InProcessApp
from portico_chats.search.backend import postings
from portico_chats.search.indexer import Indexer, reindex
from portico_chats.storage import indexed_texts

INDEX = WAYS["index"]


async def waiting() -> int:
    found = await fetch_one("SELECT COUNT(*) AS n FROM chats_text WHERE state <> 1")
    return int(found["n"]) if found else 0


async def indexed(word: str) -> int:
    """How many texts the index alone knows for a word."""
    kept = postings()
    return len(await fetch_all(kept.numbers.format("$1"), kept.expression(ANN.id, word)))


async def start(indexer: Indexer) -> None:
    indexer.start()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_text_is_in_the_index_once_and_out_of_it_when_it_is_gone(library: Library) -> None:
    note = Note("one", title="Lisbon", said={"m": "a walk"})
    library.add(note)
    assert library.app.call(indexed, "walk") == 0
    assert library.settle() == 2
    assert library.settle() == 0
    assert library.app.call(indexed, "walk") == 1
    library.say(note, {"m": "a swim"})
    library.settle()
    assert [library.app.call(indexed, word) for word in ("walk", "swim")] == [0, 1]
    library.remove(note)
    library.settle()
    assert [library.app.call(indexed, word) for word in ("swim", "Lisbon".lower())] == [0, 0]
    assert library.app.call(fetch_all, "SELECT 1 FROM chats_text") == []


def test_what_somebody_wrote_goes_with_them(library: Library) -> None:
    library.add(Note("hers", title="walk"), Note("his", owner="bob", title="walk"))
    library.settle()
    library.app.call(indexed_texts.drop_all, "ann")
    library.settle()
    assert [one["owner_id"] for one in library.app.call(fetch_all, "SELECT * FROM chats_text")] == [
        "bob"
    ]
    assert library.app.call(indexed, "walk") == 0


def test_a_change_is_taken_up_without_being_asked_for(app: InProcessApp) -> None:
    async def write() -> None:
        async with transaction():
            await indexed_texts.add("ann", "one", {"m": "a walk"})
            after_commit(lambda: app.portico.events.publish(ChatChanged("one", "ann", "created")))

    app.call(write)
    until(lambda: app.call(waiting) == 0)
    assert app.call(indexed, "walk") == 1


def test_what_another_process_left_behind_is_taken_up(library: Library) -> None:
    library.add(Note("one", title="walk"))
    library.app.call(start, library.indexer)
    until(lambda: library.app.call(waiting) == 0)


def test_several_processes_share_the_work(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", said={"m": f"walk number {n} " * 20}) for n in range(200)))
    library.settle()
    for n in range(0, 200, 2):
        library.say(Note(f"chat-{n}"), {"m": f"swim number {n} " * 20})

    async def second() -> Database:
        settings = library.app.portico.settings
        opened = open_database(settings.database, Path(settings.data_dir))
        await opened.start()
        return opened

    async def both() -> None:
        opened = await second()

        async def there() -> None:
            with opened.use():
                await Indexer().index_pending()

        try:
            await asyncio.gather(there(), library.indexer.index_pending(), there())
        finally:
            await opened.stop()

    library.app.call(both)
    assert library.app.call(waiting) == 0
    assert [library.app.call(indexed, word) for word in ("walk", "swim")] == [100, 100]
    # What was taken out twice, or never put in, would show when the rest is taken out.
    library.app.call(indexed_texts.drop_all, "ann")
    library.settle()
    assert [library.app.call(indexed, word) for word in ("walk", "swim", "n")] == [0, 0, 0]


def test_a_turn_that_is_cut_short_leaves_nothing_behind(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", said={"m": f"walk {n}"}) for n in range(30)))

    async def cut_short() -> None:
        for pauses in range(1, 40):
            task = asyncio.create_task(library.indexer.index_pending())
            for _ in range(pauses):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            found = await fetch_one("SELECT COUNT(*) AS n FROM chats_text WHERE state = 1")
            in_it = await fetch_one(
                "SELECT COUNT(*) AS n FROM chats_text WHERE state = 1 AND part = 'm'"
            )
            assert found and in_it
            assert await indexed("walk") == in_it["n"]

    library.app.call(cut_short)
    library.settle()
    assert library.app.call(indexed, "walk") == 30


def test_the_index_is_built_anew_from_the_texts(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", said={"m": f"walk {n}"}) for n in range(90)))
    library.settle()
    library.remove(Note("chat-3"))
    told: list[tuple[int, int]] = []
    total = library.app.call(reindex, lambda done, of: told.append((done, of)))
    assert total == 89 == library.app.call(indexed, "walk")
    assert told[0] == (0, 89)
    assert told[-1] == (89, 89)
    assert told == sorted(told)
    assert len(library.find("walk", bounds=INDEX)) == 60


def test_a_database_that_is_away_is_told_of_once_and_waited_for(
    library: Library, capfd: pytest.CaptureFixture[str]
) -> None:
    library.add(Note("one", title="walk"))
    database, indexer = library.app.portico.database, Indexer(breath=0, seldom=0.01)
    told = '"task": "search index of chats"'
    said = ""

    def heard() -> str:
        nonlocal said
        said += "".join(capfd.readouterr())
        return said

    library.app.call(database.stop)
    library.app.call(start, indexer)
    until(lambda: told in heard())
    library.app.call(asyncio.sleep, 0.2)  # some rounds more
    library.app.call(database.start)
    until(lambda: library.app.call(indexed, "walk") == 1)
    library.app.call(indexer.stop)
    assert heard().count(told) == 1
