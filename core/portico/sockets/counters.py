"""Counts of what the Socket.IO server has done since the process started."""

from dataclasses import dataclass


@dataclass(slots=True)
class SocketCounters:
    """Counts since the start of the process.

    `opened`: connections. `dropped`: sockets closed because their client read too slowly. `events`: events received;
    `refused`: those answered with an error. `sent_to_instances`, `from_instances`: events sent to and received from
    other instances.
    """

    opened: int = 0
    dropped: int = 0
    events: int = 0
    refused: int = 0
    sent_to_instances: int = 0
    from_instances: int = 0
