"""Which engine stands for SQLite: the plain one, or with PORTICO_TEST_SQLITE=sqlcipher the encrypted one.

With the switch, whatever in these tests opens a SQLite file without a password opens it with `PASSWORD`: applications and
processes by their settings, what a test makes by hand by the default that is put in here.
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
#: What an application has to be told to open such a file.
ENVIRONMENT = (
    {"DATABASE_TYPE": "sqlite+sqlcipher", "DATABASE_PASSWORD": PASSWORD} if ENCRYPTED else {}
)
#: Broken rules that mean nothing to the house are raised as the driver has them.
IntegrityError = (sqlite3.IntegrityError, load_sqlcipher().IntegrityError)


def settings(url: str, **others: Any) -> DatabaseSettings:
    """With the password where the URL is that of an encrypted file."""
    if url.startswith("sqlite+sqlcipher:"):
        others["password"] = Secret(PASSWORD)
    return DatabaseSettings(url=url, **others)


def connect(path: str | Path, password: Secret | None = None) -> Any:
    """A bare connection to a file that an application made, as another program would have one."""
    chosen = password or (Secret(PASSWORD) if ENCRYPTED else None)
    file = SQLiteFile(Path(path), DatabaseSettings(), chosen)
    file.check_location()
    file.create_or_check()
    return file.connect(writes=True)


def plain(path: Path) -> SQLite:
    """A database in a file that is not encrypted, whatever the switch says."""
    database = SQLite.__new__(SQLite)
    inspect.unwrap(SQLite.__init__)(database, path, DatabaseSettings(), None)
    return database


def choose() -> None:
    """Put the engine in place; called once in each process of the tests."""
    if not ENCRYPTED:
        return
    make = SQLite.__init__

    @functools.wraps(make)
    def encrypted(
        self: SQLite, path: Path, settings: DatabaseSettings, password: Secret | None = None
    ) -> None:
        make(self, path, settings, password or Secret(PASSWORD))

    SQLite.__init__ = encrypted  # type: ignore[method-assign]
