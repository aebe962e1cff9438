"""The row of this instance, and those of the others that are alive."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from portico.db import Cause, Database, current_database, execute, fetch_all, new_id
from portico.errors import Unavailable
from portico.instances.processes import is_gone, process_name
from portico.instances.release import Release
from portico.tasks import PeriodicTask

BEAT_SECONDS = 10.0
#: Seconds between two beats while the database cannot be used.
PROBE_SECONDS = 1.0
#: Seconds between two beats that `/ready` asks for.
READY_SECONDS = 0.25
#: Seconds after which a PostgreSQL that does not answer a beat counts as away.
BEAT_LIMIT = 5.0
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
    found = await fetch_all(_for_dialect(_LIVE), STALE_SECONDS)
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
    """The row of this process: there from `register` to `leave`, renewed every few seconds in between.

    Renewing it is also how this process finds out whether it can write, and says so in `Database.availability`.
    """

    def __init__(self) -> None:
        self.id = new_id()
        self._release: Release | None = None
        self._database: Database | None = None
        self._task = PeriodicTask(
            "instance heartbeat", self._interval, self._beat_once, delay=PROBE_SECONDS
        )
        self._beating: asyncio.Task[bool] | None = None
        self._beaten = self._forgot = 0.0

    async def register(self, release: Release) -> None:
        """Make the row, and drop those of instances that are not alive."""
        self._release, self._database = release, current_database()
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
        self._beaten = time.monotonic()

    async def probe(self) -> None:
        """See that this instance can write to its database. Raises: Unavailable with a reason fit for anybody's eyes.

        Asked often, it writes four times a second at most. It goes on when who asks has gone.
        """
        database = current_database()
        self._refuse(database)
        if time.monotonic() - self._beaten < READY_SECONDS:
            await database.ping()
            return
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._attempt(database))
        beaten = await asyncio.shield(self._beating)
        self._refuse(database)
        if not beaten:  # refused for a cause of no kind, such as a connection that was closed here
            raise Unavailable("a heartbeat could not be written")

    def start(self) -> None:
        """Begin to renew the row. Needs the running loop, and the database in use."""
        database = current_database()
        database.availability.is_logged = True
        database.availability.on_begin = self._task.wake
        self._task.start()

    async def leave(self) -> None:
        """Stop renewing it, and take it back. Nothing here keeps an application from closing."""
        await self._task.stop()
        beating, self._beating = self._beating, None
        if beating is not None:
            beating.cancel()
            await asyncio.wait({beating})
        if self._release is not None:
            self._release = None
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(BEAT_LIMIT):
                    await execute("DELETE FROM portico_instance WHERE id = $1", self.id)
        if self._database is not None:
            self._database.availability.is_logged = False

    def _interval(self) -> float:
        return PROBE_SECONDS if current_database().availability.cause else BEAT_SECONDS

    async def _beat_once(self) -> None:
        await self._attempt(current_database())

    async def _attempt(self, database: Database) -> bool:
        """One beat; what it meets is in `Database.availability`. Returns whether it was written."""
        try:
            async with asyncio.timeout(BEAT_LIMIT if database.dialect == "postgres" else None):
                await self.beat()
                if time.monotonic() - self._forgot > BEAT_SECONDS:
                    self._forgot = time.monotonic()
                    await execute(_for_dialect(_FORGET), STALE_SECONDS)
        except TimeoutError:
            sentence = f"the database did not answer within {BEAT_LIMIT:g} s"
            database.availability.begin(Cause("away", sentence))
        except Unavailable:
            pass  # noted where it was raised
        except Exception as error:  # noqa: BLE001 - whatever it is, there is a next beat
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


def _for_dialect(sql: str) -> str:
    return sql.format(clock=_CLOCK[current_database().dialect])
