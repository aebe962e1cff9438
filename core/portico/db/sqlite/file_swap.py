"""Puts another file in the place of an SQLite file, and keeps the old one beside it."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from portico.db.errors import BadDatabase
from portico.db.sqlite.file import SQLiteFile
from portico.db.sqlite.file_encryption import flush_names, keep_backup
from portico.errors import Unavailable

_LOG_ENDINGS = ("-wal", "-shm")


def put_in_place(new: Path, path: Path, old: SQLiteFile | None, suffix: str) -> Path | None:
    """Replace `path` by the complete file `new`, in the same file system. Returns where the old file is kept. Blocks.

    `old`: the file at `path`, if it can be opened. The caller holds the exclusive `DatabaseFileLock`. If the process ends in
    the middle, `path` is the old or the new file, or the old one is found as the backup that is returned.
    """
    with new.open("rb") as file:
        os.fsync(file.fileno())
    backup = None
    if path.exists():
        if old is not None:
            _merge_log(old)
        backup = keep_backup(path, suffix)
        # Of a file that cannot be opened, the log may have the newest rows. It must not meet the new file.
        for ending in _LOG_ENDINGS:
            log = path.with_name(path.name + ending)
            with suppress(FileNotFoundError):
                log.rename(backup.with_name(backup.name + ending))
    else:
        for ending in _LOG_ENDINGS:
            path.with_name(path.name + ending).unlink(missing_ok=True)
    new.replace(path)
    flush_names(path.parent)
    return backup


def finish_log(file: SQLiteFile) -> None:
    """Merge the write-ahead log into a file and delete it. Blocks. Raises: BadDatabase if it is in use."""
    with closing(file.connect(writes=True)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    if mode != "delete":
        raise BadDatabase(f"{file.path} is in use: stop every program that has it open first")


def _merge_log(old: SQLiteFile) -> None:
    with suppress(sqlite3.Error, Unavailable, BadDatabase, *old.errors):
        finish_log(old)
