"""From an address to a database."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from portico.db.database import Database
from portico.db.errors import BadDatabase
from portico.db.postgres import Postgres
from portico.db.sqlite import SQLite
from portico.settings.schema import DatabaseSettings

FILE_NAME = "portico.db"
ALLOWED = "Use sqlite:///absolute/path, postgres://… or postgresql://…"


def open_database(settings: DatabaseSettings, data_dir: Path) -> Database:
    """The database that `settings` ask for, not started yet; by default a file in `data_dir`.

    Raises `BadDatabase`, which never repeats the address: it may hold a password.
    """
    if not settings.url:
        return SQLite(data_dir / FILE_NAME, settings)
    try:
        address = urlsplit(settings.url)
    except ValueError as error:
        raise BadDatabase(f"The database URL cannot be read. {ALLOWED}") from error
    if address.scheme in {"postgres", "postgresql"}:
        return Postgres(settings.url, settings)
    if address.scheme != "sqlite":
        raise BadDatabase(f"Unknown database scheme {address.scheme!r}. {ALLOWED}")
    path = unquote(address.path).lstrip("/")  # four slashes, as some tools write it, mean the same
    if address.netloc or address.query or not path or path == ":memory:":
        raise BadDatabase(f"The database URL names no file on this machine. {ALLOWED}")
    return SQLite(Path("/") / path, settings)
