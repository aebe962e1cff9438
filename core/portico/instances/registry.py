"""The row of this instance, and those of the others that are alive."""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from portico.db import current_database, execute, new_id, rows
from portico.errors import Unavailable
from portico.instances.processes import is_gone, process_name
from portico.instances.release import Release

BEAT_SECONDS = 10.0
#: Seconds without a heartbeat after which an instance does not count as alive. Three beats may be late.
STALE_SECONDS = 30
# The clock of the database: those of the instances may differ.
_CLOCK = {
    "sqlite": "CAST(strftime('%s', 'now') AS BIGINT)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
}
_BEAT = (
    "INSERT INTO portico_instance (id, version, release, host, process, started_at, seen_at, newest_steps, "
    "tolerated_steps) VALUES ($1, $2, $3, $4, $5, {clock}, {clock}, $6, '{{}}') "
    "ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at"
)
_FORGET = "DELETE FROM portico_instance WHERE seen_at < {clock} - $1"
_LIVE = (
    "SELECT id, version, release, host, process, started_at, {clock} - seen_at AS age, newest_steps "
    "FROM portico_instance WHERE seen_at >= {clock} - $1 ORDER BY started_at, id"
)
log = structlog.get_logger("portico.instances")


@dataclass(frozen=True)
class InstanceRow:
    """Another process that serves from this database. `age`: seconds since its last heartbeat."""

    id: str
    version: str
    release: str
    host: str
    started_at: int
    age: int
    newest_steps: Mapping[str, str]

    def __str__(self) -> str:
        return f"release {self.release} on {self.host}, last seen {self.age} s ago"


async def live_instances() -> list[InstanceRow]:
    """Those that were seen lately. One whose process ended on this machine does not count."""
    found = await rows(_for_dialect(_LIVE), STALE_SECONDS)
    return [
        InstanceRow(
            row["id"],
            row["version"],
            row["release"],
            row["host"],
            row["started_at"],
            row["age"],
            json.loads(row["newest_steps"]),
        )
        for row in found
        if not is_gone(row["process"])
    ]


class OwnInstance:
    """The row of this process: there from `register` to `leave`, renewed every few seconds in between."""

    def __init__(self) -> None:
        self.id = new_id()
        self._release: Release | None = None
        self._task: asyncio.Task[None] | None = None

    async def register(self, release: Release) -> None:
        """Make the row, and drop those of instances that are not alive."""
        self._release = release
        await execute(_for_dialect(_FORGET), STALE_SECONDS)
        await self.beat()

    async def beat(self) -> None:
        """Say that this instance is alive. Raises: Unavailable."""
        if (release := self._release) is None:
            return
        await execute(
            _for_dialect(_BEAT),
            self.id,
            release.version,
            release.id,
            socket.gethostname(),
            process_name(),
            json.dumps(release.newest_steps),
        )

    def start(self) -> None:
        """Begin to renew the row. Needs the running loop, and the database in use."""
        self._task = asyncio.create_task(self._beats())

    async def leave(self) -> None:
        """Stop renewing it, and take it back. Nothing here keeps an application from closing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._release is not None:
            self._release = None
            with suppress(Unavailable):
                await execute("DELETE FROM portico_instance WHERE id = $1", self.id)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.beat()
                await execute(_for_dialect(_FORGET), STALE_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is a next beat
                log.warning("heartbeat not written", error=type(error).__name__)


def _for_dialect(sql: str) -> str:
    return sql.format(clock=_CLOCK[current_database().dialect])
