"""The row of this instance, its heartbeat, and the other live instances."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from portico.db import Cause, Database, current_database, execute, fetch_all, new_id
from portico.errors import Unavailable
from portico.instances.processes import is_gone, process_name
from portico.instances.release import Release
from portico.periodic_task import PeriodicTask

#: What a process does: a server answers requests, a worker runs tasks only.
Role = Literal["server", "worker"]

BEAT_SECONDS = 10.0
#: Interval of the heartbeat while the database cannot be used.
PROBE_SECONDS = 1.0
#: Minimum interval of heartbeats for `/ready`.
MIN_PROBE_SECONDS = 0.25
#: A PostgreSQL server that does not answer within this time counts as unavailable.
BEAT_TIMEOUT_SECONDS = 5.0
#: An instance without a heartbeat for this long does not count as alive.
STALE_SECONDS = 30
# The clock of the database, because those of the instances may differ.
_CLOCK = {
    "sqlite": "CAST(strftime('%s', 'now') AS BIGINT)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
}
_BEAT = (
    "INSERT INTO portico_instance (id, version, release, host, process, started_at, seen_at, newest_steps, "
    "tolerated_steps, role, socket_path, url) VALUES ($1, $2, $3, $4, $5, {clock}, {clock}, $6, '{{}}', $7, $8, $9) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at, socket_path = EXCLUDED.socket_path"
)
_DELETE_STALE = "DELETE FROM portico_instance WHERE seen_at < {clock} - $1"
_LIVE = (
    "SELECT id, version, release, host, process, started_at, {clock} - seen_at AS age, newest_steps, {role} AS role "
    "FROM portico_instance WHERE seen_at >= {clock} - $1 ORDER BY started_at, id"
)


@dataclass(frozen=True)
class InstanceRow:
    """A live instance of this database. `age`: seconds since its last heartbeat."""

    id: str
    version: str
    release: str
    host: str
    started_at: int
    age: int
    newest_steps: Mapping[str, str]
    role: Role = "server"

    def __str__(self) -> str:
        return f"release {self.release} on {self.host}, last seen {self.age} s ago"


async def live_instances(*, migrated: bool = True) -> list[InstanceRow]:
    """Return the live instances, without those whose process on this machine has ended.

    `migrated`: whether the table is up to date; if not, all are servers.
    """
    sql = for_dialect(_LIVE, role="role" if migrated else "'server'")
    found = await fetch_all(sql, STALE_SECONDS)
    return [
        InstanceRow(
            row["id"],
            row["version"],
            row["release"],
            row["host"],
            row["started_at"],
            row["age"],
            json.loads(row["newest_steps"]),
            row["role"],
        )
        for row in found
        if not is_gone(row["process"])
    ]


class OwnInstance:
    """The row of this process: it exists from `register` to `unregister`, with a heartbeat every few seconds.

    The heartbeat also checks that this process can write, and reports the result in `Database.availability`.
    """

    def __init__(self, role: Role = "server", url: str = "") -> None:
        self.id, self.role, self.url = new_id(), role, url
        #: The path of a Unix socket for other instances of this machine. Stored with the next heartbeat.
        self.socket_path = ""
        self._release: Release | None = None
        self._database: Database | None = None
        self._task = PeriodicTask(
            "instance heartbeat", self._interval, self._beat_once, delay=PROBE_SECONDS
        )
        self._beat_task: asyncio.Task[bool] | None = None
        self._last_beat = self._last_cleanup = 0.0

    async def register(self, release: Release) -> None:
        """Insert the row, and delete those of instances that are not alive."""
        self._release, self._database = release, current_database()
        await execute(for_dialect(_DELETE_STALE), STALE_SECONDS)
        await self.beat()

    async def beat(self) -> None:
        """Write a heartbeat. Raises: Unavailable."""
        if (release := self._release) is None:
            return
        await execute(
            for_dialect(_BEAT),
            self.id,
            release.version,
            release.id,
            socket.gethostname(),
            process_name(),
            json.dumps(release.newest_steps),
            self.role,
            self.socket_path,
            self.url,
        )
        self._last_beat = time.monotonic()

    async def probe(self) -> None:
        """Check that this instance can write to its database. Raises: Unavailable, with a reason that may be public.

        It writes at most four times a second, and goes on if the caller is cancelled.
        """
        database = current_database()
        self._refuse(database)
        if time.monotonic() - self._last_beat < MIN_PROBE_SECONDS:
            await database.ping()
            return
        if self._beat_task is None or self._beat_task.done():
            self._beat_task = asyncio.create_task(self._try_beat(database))
        is_written = await asyncio.shield(self._beat_task)
        self._refuse(database)
        if not is_written:  # failed for an unclassified reason, such as a connection that was closed by this process
            raise Unavailable("a heartbeat could not be written")

    def start(self) -> None:
        """Start the heartbeat. Needs a running event loop and an open database."""
        database = current_database()
        database.availability.is_logged = True
        database.availability.on_begin = self._task.wake
        self._task.start()

    async def unregister(self) -> None:
        """Stop the heartbeat and delete the row. A failure does not prevent a shutdown."""
        await self._task.stop()
        task, self._beat_task = self._beat_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._release is not None:
            self._release = None
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(BEAT_TIMEOUT_SECONDS):
                    await execute("DELETE FROM portico_instance WHERE id = $1", self.id)
        if self._database is not None:
            self._database.availability.is_logged = False

    def _interval(self) -> float:
        return PROBE_SECONDS if current_database().availability.cause else BEAT_SECONDS

    async def _beat_once(self) -> None:
        await self._try_beat(current_database())

    async def _try_beat(self, database: Database) -> bool:
        """Write a heartbeat, and report a failure in `Database.availability`. Returns whether it was written."""
        try:
            async with asyncio.timeout(
                BEAT_TIMEOUT_SECONDS if database.dialect == "postgres" else None
            ):
                await self.beat()
                if time.monotonic() - self._last_cleanup > BEAT_SECONDS:
                    self._last_cleanup = time.monotonic()
                    await execute(for_dialect(_DELETE_STALE), STALE_SECONDS)
        except TimeoutError:
            message = f"the database did not answer within {BEAT_TIMEOUT_SECONDS:g} s"
            database.availability.begin(Cause("unreachable", message))
        except Unavailable:
            pass  # reported where it was raised
        except Exception as error:  # noqa: BLE001 - the next heartbeat retries
            database.availability.begin(
                Cause("unknown", "a heartbeat could not be written", type(error).__name__)
            )
        else:
            database.availability.end()
            return True
        return False

    @staticmethod
    def _refuse(database: Database) -> None:
        if (cause := database.availability.cause) is not None:
            raise Unavailable(cause.sentence)


def for_dialect(sql: str, **parts: str) -> str:
    """Return the SQL text with the clock of the current database for `{clock}`. Unit: epoch seconds."""
    return sql.format(clock=_CLOCK[current_database().dialect], **parts)
