"""What is special about the search index in an SQLite file."""

from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.chats.search.conftest import Library, Note

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
