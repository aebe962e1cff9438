"""From an address to a database."""

from pathlib import Path

from portico.db.address import PostgresAddress, find_database
from portico.db.database import Database
from portico.db.postgres.database import Postgres
from portico.db.sqlite.database import SQLite
from portico.settings.schema import DatabaseSettings


def open_database(settings: DatabaseSettings, data_dir: Path) -> Database:
    """The database that `settings` ask for, not started yet; by default a file in `data_dir`.

    Raises `BadDatabase`, which never repeats the address: it may hold a password.
    """
    address = find_database(settings, data_dir)
    if isinstance(address, PostgresAddress):
        return Postgres(address.url, settings)
    return SQLite(address.path, settings, address.password)
