"""Selects the engine for SQLite: plain, or with PORTICO_TEST_SQLITE=sqlcipher the encrypted one.

With the switch, all SQLite files that tests would open without a password are opened with `PASSWORD`: by applications
and processes through their settings, by tests through the patched default.
"""

import functools
import inspect
import os
import sqlite3
from pathlib import Path
from typing import Any

from portico.db import DatabaseSettings
from portico.db.sqlite.cipher import load_sqlcipher
from portico.db.sqlite.database import SQLite
from portico.db.sqlite.file import SQLiteFile
from portico.settings.section import Secret

PASSWORD = 'of the tests, it\'s "no" secret: ÄÖÜ'
ENCRYPTED = os.environ.get("PORTICO_TEST_SQLITE", "") == "sqlcipher"  # noqa: TID251 - a choice of the tests
#: For the environment of other processes of the tests.
SWITCH = {"PORTICO_TEST_SQLITE": "sqlcipher"} if ENCRYPTED else {}
#: Settings with which an application opens such a file.
ENVIRONMENT = (
    {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD": PASSWORD} if ENCRYPTED else {}
)
#: Violations that Portico has no exception for are raised as those of the driver.
IntegrityError = (sqlite3.IntegrityError, load_sqlcipher().IntegrityError)


def settings(url: str, **others: Any) -> DatabaseSettings:
    """Return database settings, with the password if the URL is that of an encrypted file."""
    if url.startswith("sqlite+sqlcipher:"):
        others["password"] = Secret(PASSWORD)
    return DatabaseSettings(url=url, **others)


def connect(path: str | Path, password: Secret | None = None) -> Any:
    """Open a plain connection to a file that an application created, as another program would."""
    chosen = password or (Secret(PASSWORD) if ENCRYPTED else None)
    file = SQLiteFile(Path(path), DatabaseSettings(), chosen)
    file.check_location()
    file.create_or_check()
    return file.connect(writes=True)


def plain(path: Path) -> SQLite:
    """Return a database in a file that is not encrypted, regardless of the switch."""
    database = SQLite.__new__(SQLite)
    inspect.unwrap(SQLite.__init__)(database, path, DatabaseSettings(), None)
    return database


def choose() -> None:
    """Apply the switch; called once in each process of the tests."""
    if not ENCRYPTED:
        return
    make = SQLite.__init__

    @functools.wraps(make)
    def encrypted(
        self: SQLite, path: Path, settings: DatabaseSettings, password: Secret | None = None
    ) -> None:
        make(self, path, settings, password or Secret(PASSWORD))

    SQLite.__init__ = encrypted  # type: ignore[method-assign]
