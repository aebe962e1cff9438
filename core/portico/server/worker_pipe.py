"""A pipe from the main process to its worker: says that the server stops, and by its end that the main process is gone.

A process that was killed says nothing, but its end of a pipe is closed, on every system and whatever killed it.
"""

import multiprocessing
import threading
from collections.abc import Callable


class Lifeline:
    """Made by the main process, which alone keeps the writing end open."""

    def __init__(self) -> None:
        self._reads, self._writes = multiprocessing.Pipe(duplex=False)

    def say_stopping(self) -> None:
        """Tell the worker that the server is stopping. Called in the main process."""
        self._writes.send_bytes(b"stopping")

    def watch(self, stopping: Callable[[], None], gone: Callable[[], None]) -> None:
        """Call one or the other, in a thread. Called once in the worker."""
        self._writes.close()
        arguments = stopping, gone
        threading.Thread(target=self._watch, args=arguments, name="lifeline", daemon=True).start()

    def _watch(self, stopping: Callable[[], None], gone: Callable[[], None]) -> None:
        try:
            while self._reads.recv_bytes():
                stopping()
        except (EOFError, OSError):
            gone()
