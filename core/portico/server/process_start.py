"""The start of the server processes: each becomes ready within a time limit, or one reports once why it does not."""

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
#: Bytes of a report. The system never mixes shorter ones of several processes.
MAX_REPORT_BYTES = 2048


class ProcessStart:
    """The state of the start, shared by the main process and its `count` server processes: ready, or failed.

    A failed start ends the server. `limit`: seconds that a start may take.
    """

    def __init__(self, limit: float, count: int = 1) -> None:
        self._failed = multiprocessing.Event()
        # Never released, and without an owner: a process that is killed blocks no other one.
        self._may_report_failure = multiprocessing.Semaphore(1)
        self._reports, self._sends_reports = multiprocessing.Pipe(duplex=False)
        self._main = os.getpid()
        self._limit, self.count = limit, count
        #: The numbers of the server processes that serve requests, known in the main process only.
        self._ready: frozenset[int] = frozenset()

    @property
    def has_failed(self) -> bool:
        """Whether the start has failed."""
        return self._failed.is_set()

    @property
    def name(self) -> str:
        """The name of this server process at the beginning of a sentence; with a number if there are several."""
        return self.name_of(self._number)

    def name_of(self, number: int) -> str:
        """Return the name of a server process at the beginning of a sentence."""
        return f"Server process {number}" if self.count > 1 else "The server process"

    # -- in the main process --------------------------------------------------------------------------------

    @property
    def is_any_ready(self) -> bool:
        """Whether any server process serves requests."""
        return bool(self._ready)

    def follow_reports(self) -> None:
        """Start a thread that prints the ready line whenever all server processes have become ready."""
        threading.Thread(target=self._follow_reports, name="ready-line", daemon=True).start()

    def forget(self, number: int) -> None:
        """Note that a server process has ended."""
        self._ready -= {number}

    def _follow_reports(self) -> None:
        while True:
            number, _, text = self._reports.recv_bytes().decode().partition("\n")
            self._ready |= {int(number)}
            if len(self._ready) == self.count:
                print_message(text)

    # -- in a server process --------------------------------------------------------------------------------

    def begin(self, number: int, writer: LogWriter) -> None:
        """Start the time limit. Called in the main thread of the server process with this number."""
        self._number = number
        self._is_ready = threading.Event()
        self._doing: Callable[[], str] = lambda: "loading its plugins"
        self._may_take = ""
        arguments = writer, threading.get_ident()
        threading.Thread(target=self._watch, args=arguments, name="start", daemon=True).start()

    def follow(self, doing: Callable[[], str], may_take: str) -> None:
        """Set `doing`, which returns the current step in a few words. The time of the step `may_take` does not count."""
        self._doing, self._may_take = doing, may_take

    @property
    def is_ready(self) -> bool:
        """Whether this server process serves requests."""
        return self._is_ready.is_set()

    def ready(self, text: str) -> None:
        """Mark the start of this server process as finished. `text`: what is printed when all are ready."""
        self._is_ready.set()
        self._sends_reports.send_bytes(f"{self._number}\n{text}".encode()[:MAX_REPORT_BYTES])

    def fail(self, reasons: list[str]) -> None:
        """Print why the start failed, unless another server process has done so, and end the main process."""
        if not self._may_report_failure.acquire(block=False):
            return
        self._failed.set()
        print_message("\n  ".join(["Portico cannot start:", *reasons]))
        os.kill(self._main, signal.SIGTERM)

    def _watch(self, writer: LogWriter, thread: int) -> None:
        left, last = self._limit, time.monotonic()
        while left > 0:
            if self._is_ready.wait(CHECK_SECONDS) or self.has_failed:
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
