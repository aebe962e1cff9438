"""Opens the database of a source."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from portico_openwebui.databases.postgres_database import PostgresDatabase
from portico_openwebui.databases.source_database import SourceDatabase
from portico_openwebui.databases.source_url import PostgresSource
from portico_openwebui.databases.sqlite_database import SQLiteDatabase


def open_database(source: Path | PostgresSource) -> AbstractAsyncContextManager[SourceDatabase]:
    """Return the opened database. Raises: OperatorError, when it is entered."""
    if isinstance(source, Path):
        return SQLiteDatabase.opened(source)
    return PostgresDatabase.opened(source)
