"""What a second server process adds: requests per second and processor time, and what the database says.

    .venv/bin/python -m tests.benchmarks.instances [--seconds 10] [--rounds 3] [--only sqlite]

`portico serve` with 1, 2 … processes (`--processes`) on SQLite and on PostgreSQL, under 32 connections that each send the next
request when they have the answer: `read` lists chats, `write` stores a new one, `account` asks who is signed in. The load comes
from a process of its own on the same machine, so with two cores the second process shares them with it and with PostgreSQL:
compare processor time per request, which other load on the machine hardly changes. Columns are ratios to one process:

    requests    per second, the median of the rounds
    server      processor time of all server processes per request
    database    processor time of PostgreSQL per request; SQLite's is the server's
    statements  transactions that PostgreSQL counted per request
    active      sessions that PostgreSQL was executing for, on average, and `waiting`: for a lock or the disk
"""

import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import click
from tests.servers import fresh_database, postgres_server
from tests.soak.measuring import cpu_seconds

from portico.testing import SECRET, Client, ServerProcess

CONNECTIONS = 32
CHATS = 20
#: Seconds between two looks at the sessions of PostgreSQL.
SAMPLE_SECONDS = 0.05
NEW_CHAT = json.dumps({"chat": {"title": "A chat", "messages": [], "history": {}}}).encode()
REQUESTS = {
    "account": ("GET", "/api/v1/auths/", b""),
    "read": ("GET", "/api/v1/chats/?page=1", b""),
    "write": ("POST", "/api/v1/chats/new", NEW_CHAT),
}
_ACTIVITY = (
    "SELECT count(*) FILTER (WHERE wait_event_type IS NULL) AS active, count(*) FILTER (WHERE wait_event_type IN "
    "('Lock', 'LWLock', 'IO', 'BufferPin')) AS waiting FROM pg_stat_activity "
    "WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
)
_TRANSACTIONS = "SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()"


class Load(NamedTuple):
    """What was measured under one kind of request."""

    requests: float
    server: float
    database: float
    statements: float
    active: float
    waiting: float


async def _send(host: str, port: int, request: bytes, end: float) -> int:
    """Send a request again and again on one connection until a time. Returns how many were answered."""
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    while time.monotonic() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        count += 1
    writer.close()
    return count


def _load(url: str, request: bytes, seconds: float, result: Any) -> None:
    """Send requests on all connections. Runs in a process of its own."""

    async def send() -> int:
        end, where = time.monotonic() + seconds, urlsplit(url)
        sending = (
            _send(str(where.hostname), where.port or 0, request, end) for _ in range(CONNECTIONS)
        )
        return sum(await asyncio.gather(*sending))

    result.send(asyncio.run(send()))


def _children(main: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def _cpu_of(processes: Iterable[int]) -> dict[int, float]:
    """Return the processor time of each of the processes that exist."""
    found = {}
    for process in processes:
        with suppress(OSError):
            found[process] = cpu_seconds(process)
    return found


def _growth(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(process, 0.0) for process, seconds in after.items())


async def _postmaster(url: str) -> int:
    """Return the process whose children are the processes of this PostgreSQL server."""
    connection = await asyncpg.connect(url)
    try:
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    finally:
        await connection.close()


class DatabaseView:
    """What PostgreSQL says while requests are served; all zero for SQLite."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.samples: list[tuple[int, int]] = []
        self.transactions = 0

    async def watch(self, has_ended: Callable[[], bool]) -> None:
        """Look at the sessions until `has_ended()`."""
        if not self._url:
            while not has_ended():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(SAMPLE_SECONDS)
            return
        connection = await asyncpg.connect(self._url)
        try:
            before = await connection.fetchval(_TRANSACTIONS)
            while not has_ended():
                row = await connection.fetchrow(_ACTIVITY)
                self.samples.append((row["active"], row["waiting"]))
                await asyncio.sleep(SAMPLE_SECONDS)
            await asyncio.sleep(1.5)  # sessions report their transactions about once a second
            own = len(self.samples) + 2
            self.transactions = await connection.fetchval(_TRANSACTIONS) - before - own
        finally:
            await connection.close()

    def mean(self, column: int) -> float:
        """Return the mean of one column of the samples."""
        return statistics.fmean(one[column] for one in self.samples) if self.samples else 0.0


def measure(server: ServerProcess, user: Client, name: str, seconds: float, url: str) -> Load:
    """Measure one kind of request."""
    method, path, body = REQUESTS[name]
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: a",
        f"authorization: Bearer {user.token}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    assert server.process is not None
    processes = _children(server.process.pid)
    reads, writes = multiprocessing.Pipe(duplex=False)
    load = multiprocessing.Process(target=_load, args=(server.url, request, seconds, writes))
    view = DatabaseView(url)
    postmaster = asyncio.run(_postmaster(url)) if url else 0
    before = _cpu_of(processes), _cpu_of(_children(postmaster) if url else ())
    load.start()
    asyncio.run(view.watch(lambda: not load.is_alive() or reads.poll()))
    count = reads.recv()
    load.join()
    after = _cpu_of(processes), _cpu_of(_children(postmaster) if url else ())
    return Load(
        count / seconds,
        _growth(before[0], after[0]) / count * 1000,
        _growth(before[1], after[1]) / count * 1000,
        view.transactions / count,
        view.mean(0),
        view.mean(1),
    )


@contextmanager
def served(url: str, processes: int) -> Iterator[tuple[ServerProcess, Client]]:
    """Start a server on a fresh database, with an account that has some chats."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "DATA_DIR": f"{directory}/data",
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "UVICORN_WORKERS": str(processes),
            "GLOBAL_LOG_LEVEL": "error",
            **({"DATABASE_URL": url} if url else {}),
        }
        server = ServerProcess(environment, Path(directory)).start()
        try:
            user = server.client.sign_up("Ada")
            for _ in range(CHATS):
                assert user.post("/api/v1/chats/new", body=NEW_CHAT).status == 200
            yield server, user
        finally:
            server.kill()


def show(database: str, found: dict[tuple[str, int], Load]) -> None:
    """Print what was measured, and the ratios to the first number of processes."""
    click.echo(
        f"\n{database:10}{'processes':>10}" + "".join(f"{name:>22}" for name in Load._fields)
    )
    for (name, processes), load in found.items():
        first = next(one for (other, _), one in found.items() if other == name)
        cells = (
            f"{value:.2f} ({value / base:.2f}x)" if base else f"{value:.2f}"
            for value, base in zip(load, first, strict=True)
        )
        click.echo(f"{name:10}{processes:>10}" + "".join(f"{cell:>22}" for cell in cells))


def compared(
    counts: Sequence[int], seconds: float, rounds: int, new_database: Callable[[], Any]
) -> dict[tuple[str, int], Load]:
    """Return the medians by kind of request and number of processes."""
    found: dict[tuple[str, int], Load] = {}
    for count in counts:
        with new_database() as url, served(url, count) as (server, user):
            for name in REQUESTS:
                measured = [measure(server, user, name, seconds, url) for _ in range(rounds)]
                found[name, count] = Load(*map(statistics.median, zip(*measured, strict=True)))
    return dict(sorted(found.items()))


@click.command(help=__doc__)
@click.option("--seconds", default=10.0, help="Of each measurement.")
@click.option("--rounds", default=3)
@click.option("--processes", "counts", multiple=True, default=(1, 2), type=int)
@click.option("--only", type=click.Choice(["sqlite", "postgres"]))
def main(seconds: float, rounds: int, counts: Sequence[int], only: str | None) -> None:
    if only != "postgres":
        show("sqlite", compared(counts, seconds, rounds, lambda: nullcontext("")))
    if only != "sqlite":
        with postgres_server(forgetful=True) as server:
            show("postgres", compared(counts, seconds, rounds, lambda: fresh_database(server)))
    click.echo("\nmilliseconds per request; in parentheses the ratio to the fewest processes")


if __name__ == "__main__":
    main()
