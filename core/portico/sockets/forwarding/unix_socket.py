"""The Unix socket at which an instance takes requests from other processes of the same machine and user."""

import os
import secrets
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Bytes that the path of a Unix socket may have on every system; Linux allows a few more.
_MAX_PATH_BYTES: Final = 100
#: Seconds after which a socket that nothing listens on was left behind by a process that was killed.
_ABANDONED_SECONDS: Final = 60
_BACKLOG: Final = 1024


def listening_socket() -> tuple[socket.socket, Path]:
    """Return a socket that listens, and its path, in a directory that only this user may use. Raises: OSError."""
    directory = _private_directory()
    remove_abandoned(directory)
    path = directory / secrets.token_hex(6)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening, path


def remove_abandoned(directory: Path) -> None:
    """Remove the sockets in a directory of processes that were killed."""
    for path in directory.iterdir():
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISSOCK(status.st_mode) and status.st_mtime < time.time() - _ABANDONED_SECONDS:
                _remove_if_refusing(path)


def _remove_if_refusing(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _private_directory() -> Path:
    """Return a directory with mode 0700 that belongs to this user; all instances of the user share it. Raises: OSError."""
    base = tempfile.gettempdir()
    if len(base) > _MAX_PATH_BYTES // 2:
        base = "/tmp"  # noqa: S108 - the directory in it is checked
    path = Path(base) / f"portico-{os.geteuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if is_ours and not status.st_mode & 0o077:
        return path
    # Another user has made it, or has been given access.
    return Path(tempfile.mkdtemp(prefix="portico-", dir=base))
