"""The database of commands that must not create one."""

from pathlib import Path
from typing import TYPE_CHECKING

from portico.errors import OperatorError

if TYPE_CHECKING:
    from portico.db.address import PostgresAddress, SQLiteAddress
    from portico.settings.schema import CoreSettings


class NoDatabase(OperatorError):
    """There is no SQLite file yet."""


def require_database(settings: "CoreSettings") -> "SQLiteAddress | PostgresAddress":
    """Return the address of the database. Raises: NoDatabase if opening it would create its file; BadDatabase."""
    from portico.db.address import SQLiteAddress, find_database

    address = find_database(settings.database, Path(settings.data_dir).absolute())
    if isinstance(address, SQLiteAddress) and not address.path.exists():
        raise NoDatabase(
            f"There is no database at {address.path} yet. Name the data directory with --data-dir, or create a database with "
            "`portico migrate`."
        )
    return address
