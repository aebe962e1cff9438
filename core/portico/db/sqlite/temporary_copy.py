"""The draft of a file that is to take the place of a database."""

from contextlib import suppress
from pathlib import Path


def prepare_temporary_copy(path: Path) -> Path:
    """Throw away what is left of one, and return where the next is made.

    Only for who keeps others from making one meanwhile (`DatabaseFileLock`).
    """
    draft = path.with_name(f".{path.name}.draft")
    for ending in ("", "-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            draft.with_name(draft.name + ending).unlink()
    return draft
