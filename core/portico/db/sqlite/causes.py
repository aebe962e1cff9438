"""Maps errors of SQLite to causes."""

import errno
import os
import sqlite3
from pathlib import Path

from portico.db.errors import Cause, cause_of
from portico.db.sqlite.lock_holder import lock_holder

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

#: Bytes below which a file system counts as full when a write to it fails.
MIN_FREE_BYTES = 64 * 1024
#: Free bytes at which a file system that was full counts as free again.
FREE_AGAIN_BYTES = 512 * 1024
_ERRNO = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.ENOENT: "missing",
    errno.EMFILE: "files",
    errno.ENFILE: "files",
}
_SENTENCES = {
    "full": "the disk is full",
    "read_only": "the database is read-only",
    "permission": "this process lacks the permission to use the database file",
    "missing": "the database file is missing",
    "files": "this process has too many files open",
    "broken": "the database file is broken",
    "io": "the disk reports an error",
}
_CODES = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "permission",
    sqlite3.SQLITE_AUTH: "permission",
    sqlite3.SQLITE_CORRUPT: "broken",
    sqlite3.SQLITE_NOTADB: "broken",
}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_UNCLEAR = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def explain(error: BaseException, path: Path, timeout: float) -> Cause | None:
    """Return the cause of a failure. `timeout`: seconds a write waits. None = the statement is wrong, or unknown."""
    if (known := cause_of(error)) is not None:
        return known
    seen: BaseException | None = error
    while seen is not None:
        code = getattr(seen, "sqlite_errorcode", None)
        if code is not None:
            return _of_code(code, seen, path, timeout)
        if isinstance(seen, OSError):
            return _cause(_ERRNO.get(seen.errno or 0, "io"), path, seen.strerror or str(seen))
        seen = seen.__cause__
    return None


def has_free_space(path: Path) -> bool:
    """Return whether the file system of a database has space for more than the smallest writes."""
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize >= FREE_AGAIN_BYTES


def locked_cause(path: Path, timeout: float) -> Cause:
    """Return the cause if another process holds the write lock for longer than `timeout` seconds."""
    return Cause(
        "locked", f"another process has held the write lock for {timeout:g} s", lock_holder(path)
    )


def _of_code(code: int, error: BaseException, path: Path, timeout: float) -> Cause | None:
    kind = code & 0xFF
    if kind in _LOCKED:
        return locked_cause(path, timeout)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return _cause("missing", path)
    if kind == sqlite3.SQLITE_READONLY and not _may_write(path):
        return _cause("read_only" if _is_read_only(path) else "permission", path)
    if kind in _UNCLEAR:
        return _inspect_file(error, path)
    return _cause(_CODES[kind], path, str(error)) if kind in _CODES else None


def _inspect_file(error: BaseException, path: Path) -> Cause:
    """Return the cause that the state of the file suggests, for error codes that have many causes."""
    if not path.exists():
        return _cause("missing", path)
    if (limit := _size_limit(path)) is not None:
        return _cause("full", path, f"this process may not write files of more than {limit} bytes")
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return _cause("missing", path)
    if status.f_bavail * status.f_frsize < MIN_FREE_BYTES:
        return _cause("full", path)
    if not _may_write(path):
        return _cause("read_only" if _is_read_only(path) else "permission", path)
    return _cause("io", path, str(error))


def _size_limit(path: Path) -> int | None:
    """Return the limit on file sizes in bytes, if the file or its log is close to it, else None."""
    if resource is None:
        return None
    limit: int = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    files = (path, path.with_name(f"{path.name}-wal"))
    largest = max((file.stat().st_size for file in files if file.exists()), default=0)
    return limit if largest + MIN_FREE_BYTES > limit else None


def _may_write(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _is_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _cause(kind: str, path: Path, detail: str = "") -> Cause:
    return Cause(kind, _SENTENCES[kind], f"{path} ({detail})" if detail else str(path))
