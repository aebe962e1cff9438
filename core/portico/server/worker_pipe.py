"""A pipe from the main process to its worker: announces that the server stops, and shows the end of the main process.

When a process ends, even if it is killed, the system closes its end of the pipe.
"""

import multiprocessing
import threading
from collections.abc import Callable


class WorkerPipe:
    """The pipe. Created by the main process, which alone keeps the writing end open."""

    def __init__(self) -> None:
        self._reads, self._writes = multiprocessing.Pipe(duplex=False)

    def announce_stop(self) -> None:
        """Notify the worker that the server is stopping. Called in the main process."""
        self._writes.send_bytes(b"stopping")

    def watch(self, stopping: Callable[[], None], ended: Callable[[], None]) -> None:
        """Start a thread that calls `stopping` on an announcement and `ended` at the end of the main process.

        Called once in the worker.
        """
        self._writes.close()
        arguments = stopping, ended
        threading.Thread(
            target=self._watch, args=arguments, name="worker-pipe", daemon=True
        ).start()

    def _watch(self, stopping: Callable[[], None], ended: Callable[[], None]) -> None:
        try:
            while self._reads.recv_bytes():
                stopping()
        except (EOFError, OSError):
            ended()
