"""Creates the database object for an address."""

from pathlib import Path

from portico.db.address import PostgresAddress, find_database
from portico.db.database import Database
from portico.db.postgres.database import Postgres
from portico.db.sqlite.database import SQLite
from portico.settings.database import DatabaseSettings


def open_database(settings: DatabaseSettings, data_dir: Path) -> Database:
    """Return the configured database, not started yet; by default an SQLite file in `data_dir`.

    Raises: BadDatabase, whose text never contains the address, since that may contain a password.
    """
    address = find_database(settings, data_dir)
    if isinstance(address, PostgresAddress):
        return Postgres(address.url, settings)
    return SQLite(address.path, settings, address.password)
