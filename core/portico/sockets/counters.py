"""Counts of what the Socket.IO server has and has done, for operators."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class SocketCounters:
    """Counts since the start of the process.

    `opened`: connections. `dropped`: sockets closed because their client read too slowly. `events`: events received;
    `refused`: those answered with an error. `sent_to_instances`, `from_instances`: events sent to and received from
    other instances. `forwarded`: requests passed to the instance that owns their connection.
    """

    opened: int = 0
    dropped: int = 0
    events: int = 0
    refused: int = 0
    sent_to_instances: int = 0
    from_instances: int = 0
    forwarded: int = 0


class SocketCounts(NamedTuple):
    """What the Socket.IO server of this process has now; `since_start`: what it has done."""

    sockets: int
    signed_in: int
    rooms: int
    since_start: SocketCounters
