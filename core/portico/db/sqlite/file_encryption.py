"""Encrypts or decrypts an SQLite file, or changes its password.

The rows are copied into a temporary file beside it, the copy is compared with the original and replaces it by one rename.
If the process or the machine stops, one complete file exists; a temporary file that is left is deleted at the next start.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from portico.db.errors import BadDatabase
from portico.db.sqlite.cipher import (
    PLAIN_HEADER,
    CipherKey,
    connect_read_only,
    load_key,
    load_sqlcipher,
    new_key,
)
from portico.db.sqlite.file_lock import DatabaseFileLock
from portico.db.sqlite.temporary_copy import prepare_temporary_copy
from portico.settings.section import Secret

#: The stages of a conversion, in order. From `swapped` on the new file is the database.
Stage = Literal["settled", "copied", "checked", "kept", "swapped"]
#: SQLite instructions between two progress reports.
_PROGRESS_INTERVAL: Final = 20_000
#: Free bytes required beyond the size of the file.
_FREE_SPACE_MARGIN: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion. `old`, `new`: passwords; None = not encrypted. `backup_suffix`: part of the name of the backup."""

    path: Path
    old: Secret | None
    new: Secret | None
    backup_suffix: str


def is_encrypted(path: Path) -> bool:
    """Return whether a file is encrypted. Not for a process that has it open: that would drop its locks."""
    with path.open("rb") as file:
        return file.read(len(PLAIN_HEADER)) not in (PLAIN_HEADER, b"")


def backups_of(path: Path) -> list[Path]:
    """Return the backups of earlier conversions, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.before-*.backup"))


def convert(
    wanted: Conversion,
    *,
    on_bytes: Callable[[int], object] = lambda _: None,
    on_stage: Callable[[Stage], object] = lambda _: None,
) -> Path:
    """Convert the file and return the path of the backup.

    `on_bytes`: called repeatedly with the size of the copy in bytes. Raises: BadDatabase, and then nothing has changed.
    """
    path, module = wanted.path, load_sqlcipher()
    with DatabaseFileLock(path, exclusive=True):
        _check_free_space(path)
        draft = prepare_temporary_copy(path)
        for backup in backups_of(path):
            if backup.samefile(path):  # of a conversion that was killed before the rename
                backup.unlink()
        with _translated_errors(path, module):
            key = load_key(wanted.old, path, module) if wanted.old else None
            _check_key(path, key, module)
            with closing(_checkpoint(path, key, module)) as source:
                on_stage("settled")
                new = new_key(wanted.new) if wanted.new else None
                try:
                    _copy(source, draft, new, path.stat(), on_bytes)
                    on_stage("copied")
                    _check(source, draft, new, module)
                    on_stage("checked")
                    backup = keep_backup(path, wanted.backup_suffix)
                    on_stage("kept")
                    draft.replace(path)
                    flush_names(path.parent)
                    on_stage("swapped")
                finally:
                    prepare_temporary_copy(path)
    return backup


def _check_free_space(path: Path) -> None:
    size = sum(f.stat().st_size for f in (path, Path(f"{path}-wal")) if f.exists())
    needed = size + size // 10 + _FREE_SPACE_MARGIN
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise BadDatabase(
            f"{path.parent} has {free // 2**20} MiB free, and {needed // 2**20} are needed for a copy of the database"
        )


def _check_key(path: Path, key: CipherKey | None, module: Any) -> None:
    """Check that the key is right before anything is written."""
    with closing(connect_read_only(path, module)) as connection:
        if key is not None:
            key.apply_to(connection)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except module.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise


def _checkpoint(path: Path, key: CipherKey | None, module: Any) -> Any:
    """Merge the write-ahead log into the file, and return an exclusive connection to it.

    SQLite does that only if no other program has the file open, so it fails beside a shell or a server of any release.
    """
    source = _connect(path, key, module)
    try:
        (mode,) = source.execute("PRAGMA journal_mode=DELETE").fetchone()
        source.execute("BEGIN EXCLUSIVE")
        source.execute("COMMIT")
        source.execute("PRAGMA locking_mode=EXCLUSIVE")
        source.execute("BEGIN EXCLUSIVE")
        source.execute("COMMIT")  # in this mode the lock stays
        if mode != "delete" or Path(f"{path}-wal").exists():
            raise BadDatabase(f"{path} is in use: stop every program that has it open first")
        if source.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise BadDatabase(f"{path} is damaged; restore it from a backup first")
    except BaseException:
        source.close()
        raise
    return source


def _connect(path: Path, key: CipherKey | None, module: Any) -> Any:
    connection = module.connect(path, isolation_level=None, timeout=0)
    if key is not None:
        key.apply_to(connection)
    connection.execute("PRAGMA temp_store=MEMORY")  # no plain text in temporary files
    return connection


def _copy(
    source: Any,
    draft: Path,
    key: CipherKey | None,
    owner: os.stat_result,
    on_bytes: Callable[[int], object],
) -> None:
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    # The command may be run by root, the server by another user.
    os.fchown(descriptor, owner.st_uid, owner.st_gid)
    os.close(descriptor)
    reported_at = 0.0

    def report() -> int:
        nonlocal reported_at
        if time.monotonic() - reported_at > 0.1:
            reported_at = time.monotonic()
            on_bytes(draft.stat().st_size)
        return 0

    source.execute("ATTACH DATABASE ? AS draft KEY ?", (str(draft), key.reveal() if key else ""))
    try:
        source.set_progress_handler(report, _PROGRESS_INTERVAL)
        source.execute("SELECT sqlcipher_export('draft')")
        for name in ("user_version", "application_id"):
            (value,) = source.execute(f"PRAGMA main.{name}").fetchone()
            source.execute(f"PRAGMA draft.{name}={value}")
    finally:
        source.set_progress_handler(None, _PROGRESS_INTERVAL)
        source.execute("DETACH DATABASE draft")
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    on_bytes(draft.stat().st_size)


def _check(source: Any, draft: Path, key: CipherKey | None, module: Any) -> None:
    """Compare the copy with the original. Raises: BadDatabase."""
    with closing(_connect(draft, key, module)) as copy:
        faults = copy.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]
        if key is not None:
            faults = faults or bool(copy.execute("PRAGMA cipher_integrity_check").fetchall())
        if faults or _summary(source) != _summary(copy):
            raise BadDatabase(
                f"the copy of {draft.name[1:]} differs from the original; nothing was changed"
            )


def _summary(connection: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the schema, and the row count and last row id of each table."""
    listed = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    schema = connection.execute(listed).fetchall()
    tables = {}
    for kind, name, _, sql in schema:
        if kind != "table" or (sql or "").upper().startswith("CREATE VIRTUAL"):
            continue  # the rows of a virtual table are in tables of its own
        quoted = '"{}"'.format(name.replace('"', '""'))
        last = "NULL" if "WITHOUT ROWID" in (sql or "").upper() else "max(rowid)"
        count = f"SELECT count(*), {last} FROM {quoted}"  # noqa: S608 - names of the schema
        tables[name] = connection.execute(count).fetchone()
    return schema, tables


def keep_backup(path: Path, suffix: str) -> Path:
    """Give the file a second name, under which it stays when the copy replaces the first one."""
    timestamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    backup = path.with_name(f"{path.name}.before-{suffix}-{timestamp}.backup")
    try:
        os.link(path, backup)
    except FileExistsError:
        raise BadDatabase(f"{backup} exists already; try again in a second") from None
    except OSError:  # a file system without hard links
        shutil.copy2(path, backup)
        with backup.open("rb+") as file:
            os.fsync(file.fileno())
    flush_names(path.parent)
    return backup


def flush_names(folder: Path) -> None:
    """Write the names in a directory to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated_errors(path: Path, module: Any) -> Iterator[None]:
    try:
        yield
    except module.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            reason = f"{path} is in use: stop every program that has it open first"
        elif code == sqlite3.SQLITE_NOTADB:
            reason = f"{path} is not a database, or the password is wrong"
        elif code == sqlite3.SQLITE_FULL:
            reason = f"the disk of {path.parent} is full; nothing was changed"
        else:
            reason = f"{path} cannot be used: {error}"
        raise BadDatabase(reason) from None
