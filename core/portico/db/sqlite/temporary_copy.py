"""The temporary copy that replaces a database file."""

from contextlib import suppress
from pathlib import Path


def prepare_temporary_copy(path: Path) -> Path:
    """Delete what an earlier conversion has left, and return the path for the next copy.

    The caller must hold the exclusive `DatabaseFileLock`, or a shared one at a start.
    """
    draft = path.with_name(f".{path.name}.draft")
    for ending in ("", "-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            draft.with_name(draft.name + ending).unlink()
    return draft
