"""Killing a server while many write, again and again."""

import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable

from portico.testing import ServerProcess

ROUNDS = 4
WRITERS = 8

#: Writes something, given its number. Returns what to find it by, and what is to be found.
Write = Callable[[int], tuple[str, str]]


def acknowledged_under_kill_9(server: ServerProcess, write: Write) -> dict[str, str]:
    """Run writers, kill the server at a random time, start it again; several times.

    Returns all that was acknowledged. The server runs at the end.
    """
    acknowledged: dict[str, str] = {}
    numbers = itertools.count()

    def writing() -> None:
        while True:
            try:
                found_by, what = write(next(numbers))
            except (OSError, http.client.HTTPException):
                return
            acknowledged[found_by] = what

    for _ in range(ROUNDS):
        wanted = len(acknowledged) + random.randint(10, 60)
        writers = [threading.Thread(target=writing) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < wanted:
            time.sleep(0.001)
        server.kill()
        for writer in writers:
            writer.join()
        server.start()
    return acknowledged
