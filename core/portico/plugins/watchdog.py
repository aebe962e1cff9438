"""Interrupts calls into plugins that compute or block for longer than their limit, such as an endless import.

A thread looks at the running call ten times a second. In the main thread, whose Python code signals interrupt, a call
is interrupted wherever it is; in another thread as soon as it executes Python code.
"""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final

from portico.time_limit import LimitShare

CHECK_SECONDS: Final = 0.1
#: Seconds between two interruptions of a call that goes on.
AGAIN_SECONDS: Final = 0.5


class CallInterrupted(BaseException):
    """Raised inside a call that takes too long. No `Exception`, so that a loop that catches those ends too."""


class CallWatchdog:
    """Watches the calls inside its `with` block, one at a time; other calls have no limit. Costs one thread."""

    def __init__(self) -> None:
        self._call: WatchedCall | None = None
        self._stopped: threading.Event | None = None
        self._lock = threading.Lock()
        self._previous: Any = None
        self._has_sent = self._is_sent = False

    def __enter__(self) -> "CallWatchdog":
        stopped = self._stopped = threading.Event()
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGALRM, self._on_signal)
        threading.Thread(
            target=self._work, args=(stopped,), name="plugin-watchdog", daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stopped is not None
        self._stopped.set()
        self._stopped = None
        if threading.current_thread() is threading.main_thread():
            if self._has_sent:
                time.sleep(CHECK_SECONDS)  # a signal that is on its way would end the process
            signal.signal(signal.SIGALRM, self._previous or signal.SIG_DFL)

    @property
    def is_running(self) -> bool:
        """Whether it watches: inside its `with` block."""
        return self._stopped is not None

    def begin(self, limit: float, share: LimitShare | None = None) -> "WatchedCall | None":
        """Begin to watch what this thread does now; None if it does not watch. `limit`: seconds, of which `share` may allow less.

        The thread of the watchdog begins to count when it sees the call, so that the time costs a call nothing.
        """
        if self._stopped is None:
            return None
        call = self._call = WatchedCall(limit, share)
        return call

    def end(self) -> None:
        """Watch it no more."""
        call, self._call = self._call, None
        if call is not None and call.is_late:
            with self._lock:  # a running interruption arrives before this returns
                pass

    def _work(self, stopped: threading.Event) -> None:
        while not stopped.wait(CHECK_SECONDS):
            with self._lock:
                call = self._call
                if call is not None and call.is_over(time.monotonic()) and self._call is call:
                    self._interrupt(call.thread)

    def _interrupt(self, thread: int) -> None:
        if thread == threading.main_thread().ident:
            self._has_sent = self._is_sent = True
            signal.pthread_kill(thread, signal.SIGALRM)
            return
        import ctypes

        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(CallInterrupted)
        )

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        call = self._call
        if self._is_sent:
            self._is_sent = False
            if call is not None and call.is_late:
                raise CallInterrupted
        elif callable(self._previous):
            self._previous(number, frame)  # of an alarm that is not ours


class WatchedSteps:
    """A `with` block, entered any number of times, each of which has so many seconds."""

    def __init__(self, watchdog: CallWatchdog, seconds: float) -> None:
        self._watchdog, self._seconds = watchdog, seconds

    def __enter__(self) -> None:
        self._watchdog.begin(self._seconds)

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._watchdog.end()


class WatchedCall:
    """One call. `seconds`: how long it may run. `thread`: where it runs. `is_late`: it has been interrupted."""

    __slots__ = ("_deadline", "_share", "is_late", "seconds", "thread")

    def __init__(self, limit: float, share: LimitShare | None) -> None:
        self.seconds, self._share = limit, share
        self._deadline, self.is_late = 0.0, False
        self.thread = threading.get_ident()

    def is_over(self, now: float) -> bool:
        """Return whether the call has to be interrupted now. The first call begins its time."""
        if not self._deadline:
            if self._share is not None:
                self.seconds = self._share.of(self.seconds)
            self._deadline = now + self.seconds
        if now < self._deadline:
            return False
        self._deadline, self.is_late = now + AGAIN_SECONDS, True
        return True
