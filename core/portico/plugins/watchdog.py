"""Interrupts calls into plugins that compute or block for longer than their limit, such as an endless import.

A thread looks at the running call ten times a second. In the main thread, whose Python code signals interrupt, a call
is interrupted wherever it is; in another thread as soon as it executes Python code.
"""

import signal
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType
from typing import Any, Final

CHECK_SECONDS: Final = 0.1
#: Seconds between two interruptions of a call that goes on.
AGAIN_SECONDS: Final = 0.5


_NOTHING: Final = nullcontext()


class CallInterrupted(BaseException):
    """Raised inside a call that takes too long. No `Exception`, so that a loop that catches those ends too."""


class CallWatchdog:
    """Watches the calls inside its `with` block, one at a time; other calls have no limit. Costs one thread."""

    def __init__(self) -> None:
        self._call: _WatchedCall | None = None
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

    def running(self) -> AbstractContextManager[object]:
        """Return a `with` block in which it watches: itself, or one that does nothing inside another such block."""
        return self if self._stopped is None else _NOTHING

    def begin(self, seconds: float) -> None:
        """Begin to watch what this thread does now."""
        if self._stopped is not None:
            self._call = _WatchedCall(time.monotonic() + seconds)

    def end(self) -> None:
        """Watch it no more."""
        if self._call is None:
            return
        self._call = None
        with self._lock:  # a running interruption arrives before this returns
            pass

    def _work(self, stopped: threading.Event) -> None:
        while not stopped.wait(CHECK_SECONDS):
            with self._lock:
                call = self._call
                if call is not None and time.monotonic() >= call.deadline:
                    call.deadline = time.monotonic() + AGAIN_SECONDS
                    call.is_late = True
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


class _WatchedCall:
    """One call: until when it may run, and in which thread."""

    __slots__ = ("deadline", "is_late", "thread")

    def __init__(self, deadline: float) -> None:
        self.deadline, self.is_late = deadline, False
        self.thread = threading.get_ident()
