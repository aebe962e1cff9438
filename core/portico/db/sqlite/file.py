"""An SQLite file, plain or encrypted: creates it and opens connections to it."""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from portico.db.errors import BadDatabase
from portico.db.sqlite import network_mounts
from portico.db.sqlite.cipher import CipherKey, connect_read_only, load_key, load_sqlcipher, new_key
from portico.db.sqlite.file_lock import open_lock
from portico.db.sqlite.statements import raise_translated
from portico.db.sqlite.temporary_copy import prepare_temporary_copy
from portico.settings.database import DatabaseSettings
from portico.settings.section import Secret

#: Prepared statements per connection. Mixed load uses about 90. A statement with a list of ids has a text for each
#: length of the list, which may take 100 KB when prepared; only the last used ones stay.
CACHED_STATEMENTS = 192
#: Seconds. With a write-ahead log a reader waits only while the log is recovered after a crash.
READ_BUSY_TIMEOUT = 0.25
#: Cache of each of the four connections. They also share the cache of the operating system.
CACHE_KIB = 4000
PRAGMAS = f"PRAGMA foreign_keys=1; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{CACHE_KIB}"


class SQLiteFile:
    """An SQLite file. `password`: None = it is not encrypted."""

    def __init__(self, path: Path, settings: DatabaseSettings, password: Secret | None) -> None:
        self.path = path
        self._settings = settings
        self._password = password
        self._driver: Any = sqlite3
        self._key: CipherKey | None = None

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The exceptions that are caused by the file."""
        return (OSError, self._driver.DatabaseError)

    def check_location(self) -> None:
        """Create its directory and check that SQLite works there. Raises: BadDatabase."""
        self.path = self.path.resolve()
        if kind := network_mounts.network_file_system(self.path, network_mounts.mount_table()):
            raise BadDatabase(
                f"{self.path} is on a network file system ({kind}), where SQLite loses data. "
                "Put it on a local disk or use PostgreSQL."
            )
        if sqlite3.sqlite_version_info < (3, 35):
            raise BadDatabase(f"SQLite 3.35 or newer is needed, this is {sqlite3.sqlite_version}")
        if self._password is not None:
            self._driver = load_sqlcipher()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create_or_check(self) -> None:
        """Create the file if it is missing, readable by its owner only. Raises: BadDatabase if it cannot be used.

        A file with another key, or without one, is not changed.
        """
        # Delete the copy of a conversion that was killed, which may not be encrypted.
        prepare_temporary_copy(self.path)
        if self._password is None:
            # A file that exists is not even opened: closing it again would drop the locks that other
            # connections of this process hold. SQLite gives its -wal and -shm the mode of the database.
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        else:
            self._key = self._make_encrypted(self._password)
        self._check_readable()

    def connect(self, *, writes: bool = False) -> Any:
        """Return a connection as `sqlite3` has them. Without `writes` it is read-only."""
        try:
            connection = self._open(
                timeout=self._settings.sqlite_busy_timeout if writes else READ_BUSY_TIMEOUT
            )
            if writes:
                self._use_write_ahead_log(connection)
            connection.executescript(PRAGMAS)
            connection.execute(f"PRAGMA synchronous={self._settings.sqlite_synchronous}")
            # The writer never waits inside SQLite (see `writer.py`); the others never write.
            connection.execute("PRAGMA busy_timeout=0" if writes else "PRAGMA query_only=1")
        except self._driver.Error as error:
            raise_translated(error)
        return connection

    def _open(self, path: Path | None = None, timeout: float = 5.0) -> Any:
        connection = self._driver.connect(
            path or self.path,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
            # For BOOLEAN, whose converter Piccolo registers; it costs a fifth of a look-up.
            detect_types=sqlite3.PARSE_DECLTYPES,
        )
        if self._key is not None:
            self._key.apply_to(connection)
        return connection

    def _make_encrypted(self, password: Secret) -> CipherKey:
        """Create an empty encrypted file atomically if there is none, and return the key of the file.

        Processes that start at the same time would choose different salts, so they wait for each other.
        """
        import fcntl  # noqa: PLC0415 - Windows has none

        lock = open_lock(Path(f"{self.path}.migrate.lock"), self.path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.path.exists() or not self.path.stat().st_size:
                draft = self.path.with_name(f".{self.path.name}.new")
                draft.unlink(missing_ok=True)
                os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                self._key = new_key(password)
                connection = self._open(draft)
                connection.execute(
                    "PRAGMA journal_mode=WAL"
                )  # writes the first page, with the salt
                connection.close()
                draft.replace(self.path)
        finally:
            os.close(lock)
        return load_key(password, self.path, self._driver)

    def _check_readable(self) -> None:
        """Check that this is a database and that the key is right, before anything is written."""
        connection = connect_read_only(self.path, self._driver)
        try:
            if self._key is not None:
                self._key.apply_to(connection)
            connection.execute("SELECT count(*) FROM sqlite_master")
        except self._driver.DatabaseError as error:
            # A writing connection handles all other errors, such as a log that must be recovered.
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise BadDatabase(self._not_a_database()) from None
        finally:
            connection.close()

    def _not_a_database(self) -> str:
        if self._key is None:
            return (
                f"{self.path} is not a database, or it is encrypted: in that case set DATABASE_TYPE=sqlite+sqlcipher and "
                "DATABASE_PASSWORD"
            )
        return f"{self.path} is not a database, or it is encrypted with another password than DATABASE_PASSWORD"

    def _use_write_ahead_log(self, connection: Any) -> None:
        deadline = time.monotonic() + self._settings.sqlite_busy_timeout
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
                break
            except self._driver.OperationalError:  # the switch does not honour the busy timeout
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise BadDatabase(
                f"The file system of {self.path} does not support write-ahead logging"
            )
