"""How long a database takes, counted since the start of the process, for operators."""

from dataclasses import dataclass, field
from typing import Final

from portico.metrics import Histogram

_SECONDS: Final = (0.0005, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0)
_WRITES: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 100.0)


def _seconds() -> Histogram:
    return Histogram(_SECONDS)


@dataclass(slots=True)
class DatabaseTimings:
    """Seconds, and counts of writes.

    `statements`: until the rows of a statement were there; of SQLite only those that read, outside transactions. `commits`:
    until a commit was durable. `waits`: for a connection of the pool, or for the turn to write to an SQLite file.
    `batches`: how many writes an SQLite commit made durable. `waiting`: for a connection, now.
    """

    statements: Histogram = field(default_factory=_seconds)
    commits: Histogram = field(default_factory=_seconds)
    waits: Histogram = field(default_factory=_seconds)
    batches: Histogram = field(default_factory=lambda: Histogram(_WRITES))
    waiting: int = 0
