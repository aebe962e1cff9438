"""The index follows all writes by itself, in any number of processes, and after errors."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.chats.search.conftest import ANN, STRATEGIES, Library, Note

from portico.api.db import after_commit
from portico.api.interfaces import ChatChanged
from portico.db import Database, execute, fetch_all, fetch_one, open_database, transaction
from portico.testing import InProcessApp
from portico_chats.search.backend import index_backend
from portico_chats.search.indexer import Indexer, reindex
from portico_chats.storage import indexed_texts

INDEX = STRATEGIES["index"]


async def waiting() -> int:
    found = await fetch_one("SELECT COUNT(*) AS n FROM chats_text WHERE state <> 1")
    return int(found["n"]) if found else 0


async def indexed(word: str) -> int:
    """Return how many texts with a word only the index knows."""
    kept = index_backend()
    return len(await fetch_all(kept.numbers.format("$1"), kept.expression(ANN.id, word)))


async def start(indexer: Indexer) -> None:
    indexer.start()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_text_is_indexed_once_and_removed_when_deleted(library: Library) -> None:
    note = Note("one", title="Lisbon", messages={"m": "a walk"})
    library.add(note)
    assert library.app.run(indexed, "walk") == 0
    assert library.index_all() == 2
    assert library.index_all() == 0
    assert library.app.run(indexed, "walk") == 1
    library.set_messages(note, {"m": "a swim"})
    library.index_all()
    assert [library.app.run(indexed, word) for word in ("walk", "swim")] == [0, 1]
    library.remove(note)
    library.index_all()
    assert [library.app.run(indexed, word) for word in ("swim", "Lisbon".lower())] == [0, 0]
    assert library.app.run(fetch_all, "SELECT 1 FROM chats_text") == []


def test_account_deletion_removes_its_texts_from_index(library: Library) -> None:
    library.add(Note("hers", title="walk"), Note("his", owner="bob", title="walk"))
    library.index_all()
    library.app.run(indexed_texts.delete_all, "ann")
    library.index_all()
    assert [one["owner_id"] for one in library.app.run(fetch_all, "SELECT * FROM chats_text")] == [
        "bob"
    ]
    assert library.app.run(indexed, "walk") == 0


def test_indexer_indexes_change_after_wake(app: InProcessApp) -> None:
    async def write() -> None:
        async with transaction():
            await indexed_texts.add("ann", "one", {"m": "a walk"})
            after_commit(lambda: app.portico.events.publish(ChatChanged("one", "ann", "created")))

    app.run(write)
    until(lambda: app.run(waiting) == 0)
    assert app.run(indexed, "walk") == 1


def test_indexer_indexes_texts_of_another_process(library: Library) -> None:
    library.add(Note("one", title="walk"))
    library.app.run(start, library.indexer)
    until(lambda: library.app.run(waiting) == 0)


def test_periodic_task_indexes_what_a_process_has_left(library: Library) -> None:
    library.add(Note("one", title="walk"))
    make_due = "UPDATE portico_task_schedule SET next_at = 0 WHERE name = 'chats:index'"
    library.app.run(execute, make_due)
    library.app.run(library.app.portico.tasks.run_due)
    assert library.app.run(indexed, "walk") == 1


def test_processes_index_each_text_once(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", messages={"m": f"walk number {n} " * 20}) for n in range(200)))
    library.index_all()
    for n in range(0, 200, 2):
        library.set_messages(Note(f"chat-{n}"), {"m": f"swim number {n} " * 20})

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

    library.app.run(both)
    assert library.app.run(waiting) == 0
    assert [library.app.run(indexed, word) for word in ("walk", "swim")] == [100, 100]
    # A text that was removed twice, or never added, would show when the rest is removed.
    library.app.run(indexed_texts.delete_all, "ann")
    library.index_all()
    assert [library.app.run(indexed, word) for word in ("walk", "swim", "n")] == [0, 0, 0]


def test_cancelled_batch_changes_nothing(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", messages={"m": f"walk {n}"}) for n in range(30)))

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

    library.app.run(cut_short)
    library.index_all()
    assert library.app.run(indexed, "walk") == 30


def test_reindex_rebuilds_index_from_texts(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", messages={"m": f"walk {n}"}) for n in range(90)))
    library.index_all()
    library.remove(Note("chat-3"))
    told: list[tuple[int, int]] = []
    total = library.app.run(reindex, lambda done, of: told.append((done, of)))
    assert total == 89 == library.app.run(indexed, "walk")
    assert told[0] == (0, 89)
    assert told[-1] == (89, 89)
    assert told == sorted(told)
    assert len(library.find("walk", bounds=INDEX)) == 60


def test_unavailable_database_is_logged_once_and_awaited(
    library: Library, capfd: pytest.CaptureFixture[str]
) -> None:
    library.add(Note("one", title="walk"))
    database, indexer = library.app.portico.database, Indexer(debounce_seconds=0, poll_seconds=0.01)
    told = '"task": "search index of chats"'
    said = ""

    def heard() -> str:
        nonlocal said
        said += "".join(capfd.readouterr())
        return said

    library.app.run(database.stop)
    library.app.run(start, indexer)
    until(lambda: told in heard())
    library.app.run(asyncio.sleep, 0.2)  # some rounds more
    library.app.run(database.start)
    until(lambda: library.app.run(indexed, "walk") == 1)
    library.app.run(indexer.stop)
    assert heard().count(told) == 1
