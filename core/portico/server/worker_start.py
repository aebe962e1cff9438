"""The start of a worker: it becomes ready within a time limit, or reports once why it does not."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from portico.server.log_writer import LogWriter

#: Seconds between two checks of the time limit.
CHECK_SECONDS = 0.2


class WorkerStart:
    """The state of a worker's start, shared with the main process: ready, or failed, which ends the server.

    `limit`: seconds that a start may take.
    """

    def __init__(self, limit: float) -> None:
        self._failed = multiprocessing.Event()
        self._ready = multiprocessing.Event()
        self._main = os.getpid()
        self._limit = limit

    @property
    def has_failed(self) -> bool:
        """Whether the start has failed."""
        return self._failed.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether the worker serves requests."""
        return self._ready.is_set()

    def begin(self, writer: LogWriter) -> None:
        """Start the time limit. Called in the main thread of the worker."""
        self._ready.clear()
        self._doing: Callable[[], str] = lambda: "loading its plugins"
        self._may_take = ""
        arguments = writer, threading.get_ident()
        threading.Thread(target=self._watch, args=arguments, name="start", daemon=True).start()

    def follow(self, doing: Callable[[], str], may_take: str) -> None:
        """Set `doing`, which returns the current step in a few words. The time of the step `may_take` does not count."""
        self._doing, self._may_take = doing, may_take

    def ready(self) -> None:
        """Mark the start as finished. Called in the worker."""
        self._ready.set()

    def fail(self, reasons: list[str]) -> None:
        """Print why the start failed, and end the main process. Called in the worker."""
        if self.has_failed:
            return
        self._failed.set()
        print_message("\n  ".join(["Portico cannot start:", *reasons]))
        os.kill(self._main, signal.SIGTERM)

    def _watch(self, writer: LogWriter, thread: int) -> None:
        left, last = self._limit, time.monotonic()
        while left > 0:
            if self._ready.wait(CHECK_SECONDS) or self.has_failed:
                return
            now = time.monotonic()
            if self._doing() != self._may_take:
                left -= now - last
            last = now
        at = _place(sys._current_frames().get(thread))
        limit, doing = f"{self._limit:g} s (server.start_limit)", self._doing()
        self.fail([f"the server was not ready within {limit}: it was still {doing}, at {at}"])
        writer.close()
        os._exit(1)


def _place(frame: FrameType | None) -> str:
    """Return the location of a thread: `portico_x/startup.py:12`, the file with its folder."""
    if frame is None:
        return "an unknown place"
    return f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{frame.f_lineno}"


def print_message(text: str) -> None:
    """Print a message to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
