"""Pipes from the main process to its server processes: they announce a stop, and show the end of the main process.

What is announced is that a pipe is closed: all server processes notice it, however many there are, and the system closes
the pipes of a process that ends, even if it is killed.
"""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import wait


class ProcessPipe:
    """The pipes. Created by the main process, which alone keeps the writing ends open."""

    def __init__(self) -> None:
        self._alive, self._keeps_alive = multiprocessing.Pipe(duplex=False)
        self._stopping, self._announces_stop = multiprocessing.Pipe(duplex=False)

    def announce_stop(self) -> None:
        """Notify all server processes that the server is stopping. Called once, in the main process."""
        self._announces_stop.close()

    def watch(self, stopping: Callable[[], None], ended: Callable[[], None]) -> None:
        """Start a thread that calls `stopping` on an announcement and `ended` at the end of the main process.

        Called once in each server process.
        """
        self._keeps_alive.close()
        self._announces_stop.close()
        arguments = stopping, ended
        threading.Thread(
            target=self._watch, args=arguments, name="main-process", daemon=True
        ).start()

    def _watch(self, stopping: Callable[[], None], ended: Callable[[], None]) -> None:
        if self._alive not in wait([self._alive, self._stopping]):
            stopping()
            wait([self._alive])
        ended()
