"""Writes to standard error and standard output without blocking.

A pipe that is not read is full after 64 KiB, and a plain write would then block the event loop. Here a line is written
at once if that does not block, so that the last lines before a crash are not lost; otherwise a thread writes it from a
bounded queue. Lines beyond that are dropped and counted, and the count is written as soon as writing works again.
"""

import io
import os
import select
import socket
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import util
from typing import Any, NamedTuple, Protocol

#: Bytes in the queue.
MAX_QUEUED_BYTES = 1024 * 1024
#: Seconds in which the queue is still written at the end of the process.
CLOSE_SECONDS = 1.0
#: Milliseconds after which the thread checks again whether a write would block.
POLL_MS = 1000
#: Characters without a line end that a stream buffers.
MAX_LINE_CHARS = 64 * 1024


class _QueuedText(NamedTuple):
    """Some lines. `lines`: how many are lost if this is dropped, including those whose loss it reports."""

    data: bytes
    lines: int


class Sink(Protocol):
    """A destination of bytes. `never_blocks`: `write` raises BlockingIOError instead of waiting."""

    never_blocks: bool

    def write(self, data: bytes) -> int: ...
    def wait(self) -> None: ...


class _Descriptor:
    def __init__(self, descriptor: int, *, never_blocks: bool) -> None:
        self._descriptor, self.never_blocks = descriptor, never_blocks

    def write(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def wait(self) -> None:
        """Wait until a write may succeed or fails for good; at most POLL_MS."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll(POLL_MS)


class _Socket(_Descriptor):
    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, never_blocks=True)
        self._socket = socket.socket(fileno=os.dup(descriptor))

    def write(self, data: bytes) -> int:
        return self._socket.send(data, socket.MSG_DONTWAIT)


class _NullSink:
    never_blocks = True

    def write(self, data: bytes) -> int:
        return len(data)

    def wait(self) -> None: ...


def sink_for(descriptor: int | None) -> Sink:
    """Return the best sink for a descriptor. The descriptor's mode is not changed, since other processes may share it."""
    if descriptor is None:
        return _NullSink()
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return _Descriptor(descriptor, never_blocks=True)
    if stat.S_ISSOCK(mode):
        return _Socket(descriptor)
    if sys.platform == "linux":
        # Opened again, a pipe or a terminal has its own mode. Another user's pipe may not be opened.
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with suppress(OSError):
            return _Descriptor(os.open(f"/proc/self/fd/{descriptor}", flags), never_blocks=True)
    return _Descriptor(descriptor, never_blocks=False)


def _dropped_text(count: int) -> str:
    return f"{count} log lines dropped: the output was not read in time"


class LogWriter:
    """Takes lines from any thread and writes them in order, without blocking the caller.

    `dropped_line`: returns the text of the line that reports how many were dropped, without line end.
    """

    def __init__(self, sink: Sink, *, max_queued_bytes: int = MAX_QUEUED_BYTES) -> None:
        self._sink, self._max = sink, max_queued_bytes
        self.dropped_line: Callable[[int], str] = _dropped_text
        # Reentrant: a finalizer that logs may run while this thread has the lock.
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[_QueuedText] = deque()
        self._queued_bytes = 0
        self._dropped = 0
        #: The last write failed; a line has been written in part; the end of a line is lost.
        self._fails = self._within_line = self._cut = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Write whole lines now or soon, or count them as dropped."""
        piece = _QueuedText(text.encode("utf-8", "backslashreplace"), text.count("\n"))
        with self._changed:
            if self._sink.never_blocks and not self._queue:
                piece = self._attempt(self._with_dropped_line(piece))
                if not piece.data:
                    return
            elif self._queued_bytes + len(piece.data) > self._max:
                self._dropped += piece.lines
                return
            else:
                piece = self._with_dropped_line(piece)
            self._append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait until the queue is written, at most `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._queue and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _append(self, piece: _QueuedText) -> None:
        self._queue.append(piece)
        self._queued_bytes += len(piece.data)

    def _with_dropped_line(self, piece: _QueuedText) -> _QueuedText:
        """Return the piece, preceded by the line that reports dropped lines, if there are any."""
        dropped, self._dropped = self._dropped, 0
        if not dropped:
            return piece
        note = self.dropped_line(dropped).encode("utf-8", "backslashreplace") + b"\n"
        return _QueuedText(note + piece.data, piece.lines + dropped)

    def _attempt(self, piece: _QueuedText) -> _QueuedText:
        """Write as much as possible. Returns the rest, which is empty if writing failed."""
        data = b"\n" + piece.data if self._cut else piece.data
        try:
            written = self._sink.write(data)
        except BlockingIOError:
            return piece
        except OSError:
            # The reader has ended, the disk is full, …: reported when writing works again.
            with self._changed:
                self._dropped += piece.lines
            self._fails, self._cut = True, self._within_line
            return _QueuedText(b"", 0)
        self._fails = self._cut = False
        self._within_line = data[written - 1 : written] != b"\n"
        return _QueuedText(data[written:], piece.lines)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.notify_all()
                    self._changed.wait()
                piece = self._queue[0]
            if self._sink.never_blocks:
                self._sink.wait()
            rest = self._attempt(piece)  # while the queue is not empty, no other thread writes
            with self._changed:
                self._queued_bytes -= len(piece.data) - len(rest.data)
                if rest.data:
                    self._queue[0] = rest
                else:
                    self._queue.popleft()
                    if self._dropped and not self._queue and not self._fails:
                        self._append(self._with_dropped_line(_QueuedText(b"", 0)))
            if rest is piece:
                time.sleep(POLL_MS / 1000 / 50)  # there is space, but not enough for this


class LogStream(io.TextIOBase):
    """A text stream that passes whole lines to a writer. Replaces `sys.stderr` and `sys.stdout`."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, writer: LogWriter, original: Any) -> None:
        self._writer, self._original = writer, original
        self._lock = threading.RLock()
        self._begun = ""

    def write(self, text: str) -> int:
        """Pass on whole lines, and buffer the rest."""
        with self._lock:
            begun = self._begun + text
            lines, end, self._begun = begun.rpartition("\n")
            if len(self._begun) > MAX_LINE_CHARS:
                lines, end, self._begun = begun, "\n", ""
            if end:
                self._writer.write(lines + end)
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._original.fileno())

    def isatty(self) -> bool:
        return self._original is not None and bool(self._original.isatty())


def take_over_streams() -> LogWriter:
    """Send all output of this process, including `print` in plugins, through writers. Returns that of stderr."""
    writers: dict[tuple[int, int] | None, LogWriter] = {}
    found: list[LogWriter] = []
    for name in ("stderr", "stdout"):
        original = getattr(sys, f"__{name}__")
        descriptor = _descriptor(original)
        status = None if descriptor is None else os.fstat(descriptor)
        which = None if status is None else (status.st_dev, status.st_ino)
        if which not in writers:
            writers[which] = LogWriter(sink_for(descriptor))
            util.Finalize(None, writers[which].close, exitpriority=-100)
        found.append(writers[which])
        setattr(sys, name, LogStream(writers[which], original))
    return found[0]


def _descriptor(stream: Any) -> int | None:
    try:
        descriptor = int(stream.fileno())
        os.fstat(descriptor)
    except (AttributeError, OSError, ValueError):
        return None  # closed already
    return descriptor
