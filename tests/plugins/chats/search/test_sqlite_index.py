"""What is special about the search index in an SQLite file."""

from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.chats.search.conftest import STRATEGIES, Library, Note

from portico.db import current_database
from portico.db.sqlite.database import SQLite
from portico_chats.search.backend import index_backend


def test_batch_of_texts_is_indexed_in_one_commit(library: Library) -> None:
    library.add(*(Note(f"chat-{n}", messages={"m": f"walk number {n}"}) for n in range(20)))

    async def index() -> tuple[int, int]:
        database = current_database()
        assert isinstance(database, SQLite)
        before = database.writer.commits
        return await index_backend().index_pending(), database.writer.commits - before

    assert library.app.run(index) == (20, 1)
    assert len(library.find("walk number 7")) == 1


def test_punctuation_is_indexed_alike_in_ascii_and_other_texts(library: Library) -> None:
    library.add(
        Note("ascii", messages={"m": "walk, talk! [now]"}),
        Note("other", messages={"m": "wälk, talk! [now]"}),
        Note("neither", messages={"m": "walk. talk? (now)"}),
    )
    library.index_all()
    found = library.find("lk, talk! [no", bounds=STRATEGIES["index"])
    assert sorted(found) == ["ascii", "other"]
