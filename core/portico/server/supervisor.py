"""The main process: granian's, with other rules for signals, failed starts and the end of the main process."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, cast

from granian.server.mp import MPServer

from portico.errors import OperatorError
from portico.server.process_pipe import ProcessPipe
from portico.server.process_start import ProcessStart, print_message
from portico.server.unix_socket import ListeningSocket

#: Two signals within these seconds count as one: `timeout`, for example, signals the process and then its group.
SAME_SIGNAL_SECONDS = 0.02
#: A server process that dies within these seconds after it was started again ends the server.
CRASH_LOOP_SECONDS = 5.5
SIGHUP_TEXT = (
    "SIGHUP has no effect: changed policy files are read automatically, settings at the next start."
)


class Supervisor(MPServer):
    """Granian's server with our own handling of signals and of server processes that die.

    After the first SIGTERM all server processes have `/ready` report *stopping* for `drain_delay` seconds, then they drain.
    SIGINT (Ctrl-C) drains without delay. A second signal ends everything at once. SIGHUP has no effect.
    """

    def __init__(
        self,
        pipe: ProcessPipe,
        start: ProcessStart,
        drain_delay: float,
        unix_socket: ListeningSocket | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._unix_socket = unix_socket
        self._pipe, self._start, self._drain_delay = pipe, start, drain_delay
        self._main = os.getpid()
        self._stopping_since: float | None = None
        self._has_crash_loop = False
        #: When each server process was started again, by its index.
        self._respawned_at: dict[int, float] = {}
        # A signal handler only writes to this pipe, since it may interrupt any code, including itself.
        self._signals_out, self._signals_in = os.pipe()
        os.set_blocking(self._signals_in, False)

    def startup(self, *arguments: Any) -> None:
        """Start. Called by granian, which sets its signal handlers here."""
        threading.Thread(target=self._handle_signals, name="signals", daemon=True).start()
        self._start.follow_reports()
        super().startup(*arguments)  # type: ignore[no-untyped-call]

    def _init_shared_socket(self) -> None:
        try:
            with self._unix_socket.claimed() if self._unix_socket else nullcontext():
                super()._init_shared_socket()  # type: ignore[no-untyped-call]
                if self._unix_socket:
                    self._unix_socket.listen(cast("int", self._sfd))
        except (OSError, RuntimeError, ValueError) as error:  # taken since it was checked
            where = self.bind_uds or f"{self.bind_addr}:{self.bind_port}"
            why = str(error).partition("\n")[0]  # granian appends a trace
            raise OperatorError(f"cannot listen on {where}: {why}") from None

    def _unlink_pidfile(self) -> None:
        if self._unix_socket:
            self._unix_socket.remove()

    def signal_handler_interrupt(self, number: int, frame: object) -> None:
        """Pass a signal to the thread. Called by Python; in server processes too, until they have their own handlers."""
        if os.getpid() == self._main:
            with suppress(BlockingIOError):
                os.write(self._signals_in, bytes((number,)))

    signal_handler_reload = signal_handler_interrupt

    def _spawn_worker(  # type: ignore[override] # as the base class for processes has it
        self, idx: int, target: Any, callback_loader: Any
    ) -> Any:
        return super()._spawn_worker(idx, target, partial(callback_loader, number=idx + 1))

    def _serve_loop(self, *arguments: Any) -> None:
        """Start server processes again that have died, until the server stops. Called by granian.

        Granian's own loop may miss one of two that die at the same time.
        """
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait()
            self.main_loop_interrupt.clear()
            while self.interrupt_children and not self.interrupt_signal:
                index = self.interrupt_children.pop(0)
                self._start.forget(index + 1)
                if self._start.has_failed or self._stopping_since is not None:
                    continue
                ending = f"{self._start.name_of(index + 1)} {_exit_text(self.wrks[index].inner.exitcode)}"
                if time.monotonic() - self._respawned_at.get(index, -math.inf) < CRASH_LOOP_SECONDS:
                    print_message(f"{ending} again, a few seconds after its start: Portico ends.")
                    self._has_crash_loop = True
                    return
                print_message(f"{ending}; another one is started.")
                self._respawned_at[index] = time.monotonic()
                self._respawn_workers([index], *arguments)

    def shutdown(self, exit_code: int = 0) -> None:
        """Shut down. Called by granian."""
        super().shutdown(exit_code or self._has_crash_loop)  # type: ignore[no-untyped-call]

    def _handle_signals(self) -> None:
        while received := os.read(self._signals_out, 1):
            number = received[0]
            if number == signal.SIGHUP:
                print_message(SIGHUP_TEXT)
            elif self._stopping_since is None:
                self._stop(number)
                # Signals that came while this took its time wait here, and count as the same.
                self._stopping_since = time.monotonic()
            elif time.monotonic() - self._stopping_since > SAME_SIGNAL_SECONDS:
                self._end(number)

    def _stop(self, number: int) -> None:
        self._stopping_since = time.monotonic()
        for worker in list(self.wrks):
            worker.interrupt_by_parent = True  # its end is expected
        self._pipe.announce_stop()
        start = self._start
        delayed = number == signal.SIGTERM and start.is_any_ready and not start.has_failed
        stop: Callable[..., None] = super().signal_handler_interrupt
        timer = threading.Timer(self._drain_delay if delayed else 0, stop)
        timer.daemon = True
        timer.start()

    def _end(self, number: int) -> None:
        print_message("Second signal: stopping at once.")
        for worker in list(self.wrks):
            worker.kill()  # type: ignore[no-untyped-call]
        self._unlink_pidfile()
        os._exit(128 + number)


def _exit_text(code: int | None) -> str:
    """Return how a process ended, as the rest of a sentence."""
    if code is not None and code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
