"""The start of a worker: it becomes ready, or says once why it does not, within a limit."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from portico.server.log_writer import LogWriter

#: Seconds between two looks at what the start is doing.
LOOK_SECONDS = 0.2


class Start:
    """How a worker lets its main process know that it is ready, or cannot start; then nobody tries again.

    Shared by both processes. `limit`: seconds a start may take.
    """

    def __init__(self, limit: float) -> None:
        self._refused = multiprocessing.Event()
        self._ready = multiprocessing.Event()
        self._main = os.getpid()
        self._limit = limit

    @property
    def was_refused(self) -> bool:
        return self._refused.is_set()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    def begin(self, writer: LogWriter) -> None:
        """Hold the start to its limit, from now on. Called in the main thread of the worker."""
        self._ready.clear()
        self._doing: Callable[[], str] = lambda: "loading its plugins"
        self._may_take = ""
        arguments = writer, threading.get_ident()
        threading.Thread(target=self._watch, args=arguments, name="start", daemon=True).start()

    def follow(self, doing: Callable[[], str], may_take: str) -> None:
        """`doing` says in a few words what the start is doing; while that is `may_take`, its time does not count."""
        self._doing, self._may_take = doing, may_take

    def ready(self) -> None:
        """It serves. Called in the worker."""
        self._ready.set()

    def refuse(self, reasons: list[str]) -> None:
        """Tell the person at the terminal, then the main process. Called in the worker."""
        if self.was_refused:
            return
        self._refused.set()
        say("\n  ".join(["Portico cannot start:", *reasons]))
        os.kill(self._main, signal.SIGTERM)

    def _watch(self, writer: LogWriter, thread: int) -> None:
        left, last = self._limit, time.monotonic()
        while left > 0:
            if self._ready.wait(LOOK_SECONDS) or self.was_refused:
                return
            now = time.monotonic()
            if self._doing() != self._may_take:
                left -= now - last
            last = now
        at = _place(sys._current_frames().get(thread))
        limit, doing = f"{self._limit:g} s (server.start_limit)", self._doing()
        self.refuse([f"it was not ready within {limit}: it was still {doing}, at {at}"])
        writer.close()
        os._exit(1)


def _place(frame: FrameType | None) -> str:
    """Where a thread is: `portico_x/startup.py:12`, the file with its folder."""
    if frame is None:
        return "an unknown place"
    return f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{frame.f_lineno}"


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
