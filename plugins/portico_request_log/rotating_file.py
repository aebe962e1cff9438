"""A file of lines that several processes append to, and that is renamed when it is large."""

import contextlib
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger("portico.request_log")

#: Bytes that may wait to be written. Beyond that, lines are dropped and counted.
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
#: Seconds in which the rest is still written when the process ends.
CLOSE_SECONDS: Final = 2.0
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_MODE: Final = 0o600
_NEWLINE: Final = ord("\n")


class RotatingFile:
    """Appends lines in a thread. `rotation_bytes`: 0 = the file is never renamed.

    Each batch of lines is one write to the end of the file, so the lines of several processes do not mix. One process at a
    time renames it, and the others notice before their next write.
    """

    def __init__(self, path: Path, rotation_bytes: int) -> None:
        self._path, self._rotation_bytes = path, rotation_bytes
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = self._lost = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._descriptor: int | None = None
        self._is_closing = self._is_torn = False
        #: Whether the last write has failed.
        self.is_failing = False

    def write(self, line: bytes) -> None:
        """Have a line written soon. Never blocks and never raises."""
        with self._changed:
            if self._waiting_bytes + len(line) > MAX_WAITING_BYTES:
                self._lost += 1
                return
            self._lines.append(line)
            self._waiting_bytes += len(line)
            if self._thread is None:
                self._is_closing = False
                self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._changed:
            self._is_closing = True
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._is_closing:
                    self._changed.wait()
                lines = list(self._lines)
                self._lines.clear()
                self._waiting_bytes = 0
            if not lines:
                break
            self._append(lines)
        self._close()

    def _append(self, lines: list[bytes]) -> None:
        try:
            descriptor = self._open()
            # The disk was full in the middle of a line: the next one does not continue it.
            rest = memoryview(b"\n" * self._is_torn + b"".join(lines))
            while rest:
                count = os.write(descriptor, rest)
                self._is_torn = rest[count - 1] != _NEWLINE
                rest = rest[count:]
            if self._rotation_bytes and os.fstat(descriptor).st_size >= self._rotation_bytes:
                self._rotate(descriptor)
        except OSError as error:
            self._close()
            self._lost += len(lines)
            if not self.is_failing:
                self.is_failing = True
                log.error(
                    "requests are not recorded: the file cannot be written",
                    path=str(self._path),
                    reason=error.strerror or type(error).__name__,
                )
        else:
            if self.is_failing or self._lost:
                log.warning("requests are recorded again", lost=self._lost)
            self.is_failing, self._lost = False, 0

    def _open(self) -> int:
        """Return the descriptor of the file that has the name now. Raises: OSError."""
        if self._descriptor is not None and not self._is_current(self._descriptor):
            self._close()
        if self._descriptor is None:
            self._descriptor = os.open(self._path, _FLAGS, _MODE)
        return self._descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            named, opened = self._path.stat(), os.fstat(descriptor)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _rotate(self, descriptor: int) -> None:
        """Rename the file, unless another process has just done so. Raises: OSError."""
        import fcntl

        # The lock is on the file itself, so a process that waited for it sees that the name belongs to another one now.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if self._is_current(descriptor):
                os.rename(self._path, self._free_name())  # noqa: PTH104 - a name that has no path yet
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        self._close()

    def _free_name(self) -> Path:
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime())
        # Random, since another process may rename the next file in the same second.
        return self._path.with_name(f"{self._path.name}.{stamp}.{os.urandom(4).hex()}")

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
