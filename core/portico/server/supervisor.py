"""The main process: granian's, with an order of our own for signals, starts that fail and a main process that dies."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from granian.server.mp import MPServer

from portico.errors import OperatorError
from portico.server.worker_pipe import Lifeline
from portico.server.worker_start import Start, say

#: Two signals within these seconds are one: `timeout`, for example, tells the process and then its group.
SAME_SECONDS = 0.02
SIGHUP_TEXT = "SIGHUP changes nothing: policies are read again by themselves, settings when the server is started again."


class Supervisor(MPServer):
    """Granian's server with our answers to signals.

    The first SIGTERM has the worker answer `/ready` with *stopping* for `drain_delay` seconds, then it drains; SIGINT
    is a person, who waits for no delay; the second of either ends everything at once. SIGHUP changes nothing.
    """

    def __init__(
        self, lifeline: Lifeline, start: Start, drain_delay: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self._lifeline, self._start, self._drain_delay = lifeline, start, drain_delay
        self._main = os.getpid()
        self._stopping_since: float | None = None
        # A handler does no more than this: it may interrupt anything, also itself.
        self._heard, self._says = os.pipe()
        os.set_blocking(self._says, False)

    def startup(self, *arguments: Any) -> None:
        """Begin. Called by granian, which sets its signal handlers in here."""
        threading.Thread(target=self._obey, name="signals", daemon=True).start()
        super().startup(*arguments)  # type: ignore[no-untyped-call]

    def _init_shared_socket(self) -> None:
        try:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError, ValueError) as error:  # taken since it was looked at
            raise OperatorError(
                f"cannot listen on {self.bind_addr}:{self.bind_port}: {error}"
            ) from None

    def signal_handler_interrupt(self, number: int, frame: object) -> None:
        """Pass a signal on. Called by Python, in the worker too until that has handlers of its own."""
        if os.getpid() == self._main:
            with suppress(BlockingIOError):
                os.write(self._says, bytes((number,)))

    signal_handler_reload = signal_handler_interrupt

    def _respawn_workers(self, workers: Sequence[int], *arguments: Any, **options: Any) -> None:
        if self._start.was_refused or self._stopping_since is not None:
            return
        for index in workers:
            say(f"The worker {_how(self.wrks[index].inner.exitcode)}; another one is started.")
        super()._respawn_workers(workers, *arguments, **options)

    def shutdown(self, exit_code: int = 0) -> None:
        """End. Called by granian."""
        if self.interrupt_children and self._stopping_since is None:
            how = _how(self.wrks[self.interrupt_children[0]].inner.exitcode)
            say(f"Portico ends: the worker {how} again, a few seconds after it was started.")
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _obey(self) -> None:
        while heard := os.read(self._heard, 1):
            number = heard[0]
            if number == signal.SIGHUP:
                say(SIGHUP_TEXT)
            elif self._stopping_since is None:
                self._stop(number)
            elif time.monotonic() - self._stopping_since > SAME_SECONDS:
                self._end(number)

    def _stop(self, number: int) -> None:
        self._stopping_since = time.monotonic()
        for worker in list(self.wrks):
            worker.interrupt_by_parent = True  # its end is no accident
        self._lifeline.say_stopping()
        start = self._start
        delayed = number == signal.SIGTERM and start.is_ready and not start.was_refused
        leave: Callable[..., None] = super().signal_handler_interrupt
        timer = threading.Timer(self._drain_delay if delayed else 0, leave)
        timer.daemon = True
        timer.start()

    def _end(self, number: int) -> None:
        say("Told twice to stop: ending at once.")
        for worker in list(self.wrks):
            worker.kill()  # type: ignore[no-untyped-call]
        os._exit(128 + number)


def _how(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
