"""The Unix socket on which a server listens instead of a TCP port (`server.unix_socket`).

Users of the file's group may connect. A file that a killed server has left is removed; one at which a server listens is not.
"""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from portico.errors import OperatorError
from portico.settings.load import LoadedSettings

#: Permissions of the file: connecting takes write permission.
SOCKET_MODE = 0o660
#: Bytes of the path that all systems take.
MAX_PATH_BYTES = 103
#: Seconds to wait for a listening server. One that is busy answers late, but connecting works at once.
CONNECT_SECONDS = 1.0
#: Seconds for which a start waits until no server listens there, and between two checks.
WAIT_SECONDS = 1.0
CHECK_SECONDS = 0.05
#: Connections that wait until they are accepted.
BACKLOG = 4096


def unix_socket_path(loaded: LoadedSettings) -> Path | None:
    """Return the path of the socket, or None if the server listens on a TCP port.

    An option of the command line takes precedence over what the file and the environment say. Raises: OperatorError if
    both are set otherwise.
    """
    path, origins = loaded.settings.server.unix_socket, loaded.origins
    others = [key for key in ("server.host", "server.port") if origins[key].kind != "default"]
    if not path or not others:
        return Path(path).absolute() if path else None
    is_option = origins["server.unix_socket"].kind == "command line"
    options = [key for key in others if origins[key].kind == "command line"]
    if is_option and not options:
        return Path(path).absolute()
    if options and not is_option:
        return None
    other = others[0]
    raise OperatorError(
        f"server.unix_socket ({origins['server.unix_socket']}) and {other} ({origins[other]}) exclude each other: "
        "the server listens on a Unix socket or on a TCP port. Remove one of them."
    )


class SocketInUse(OperatorError):
    """A server listens at the path."""


class ListeningSocket:
    """The file of a Unix socket, in the main process. Raises: OperatorError if a server cannot listen there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._created: tuple[int, int] | None = None
        if len(os.fsencode(path)) > MAX_PATH_BYTES:
            raise self._refusal(f"a path has at most {MAX_PATH_BYTES} bytes; choose a shorter one")
        if not path.parent.is_dir():
            raise self._refusal(f"there is no directory {path.parent}; create it first")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise self._refusal(f"this user may not create files in {path.parent}")
        self._wait_until_free()

    def _wait_until_free(self) -> None:
        """Wait until no server listens there: the processes of a server that was killed may be about to end. Raises: OperatorError."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._check_file()
                return
            except SocketInUse:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(CHECK_SECONDS)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other servers from this path while the block creates the socket. A stale file is removed before."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self._check_file():
                self.path.unlink()
            yield
            found = self.path.stat()
            self._created = found.st_dev, found.st_ino
        finally:
            os.umask(before)
            os.close(folder)

    @staticmethod
    def listen(descriptor: int) -> None:
        """Have the socket accept connections. They wait until the first server process is ready."""
        with socket.socket(fileno=os.dup(descriptor)) as bound:
            bound.listen(BACKLOG)

    def remove(self) -> None:
        """Remove the file, unless it is that of another server by now."""
        with suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self._created:
                self.path.unlink()

    def _check_file(self) -> bool:
        """Return whether a stale file is in the way. Raises: OperatorError for any other."""
        try:
            kind = self.path.lstat().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISSOCK(kind):
            raise self._refusal(
                "there is a file of that name that is no socket; choose another path"
            )
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(CONNECT_SECONDS)
                probe.connect(str(self.path))
        except ConnectionRefusedError:
            return True
        except OSError as error:
            raise self._refusal(
                f"it is not known whether a server listens there: {error}"
            ) from None
        raise SocketInUse(
            str(self._refusal("a server listens there already; stop it, or choose another path"))
        )

    def _refusal(self, why: str) -> OperatorError:
        return OperatorError(f"cannot listen on {self.path} (server.unix_socket): {why}")
