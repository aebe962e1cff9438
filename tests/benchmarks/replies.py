"""Cost of replies that the server generates, compared with plain streams of the same upstream in the same run.

    .venv/bin/python -m tests.benchmarks.replies [--replies 500] [--rate 50] [--rounds 4] [--chars 200000]

A real server on SQLite. So many replies grow in events, each watched by a socket of its owner, and so many plain streams are
read, all open at the same time. In alternating rounds the provider sends to the former, to the latter, or to none, one
delta after the other. Printed is the processor time of the server for each delta, without that of the idle rounds; and the
same for each fifth of one long reply, which must not grow with its length.

Linux only.
"""

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click
from tests import upstream as behaviours
from tests.many_sockets import ManySockets
from tests.reply_requests import ask, start_chat
from tests.soak.measuring import cpu_seconds, worker_of
from tests.upstream import DONE, Connection, Upstream, chunk

from portico.testing import SECRET, Client, ServerProcess

#: Sockets and replies of one account.
REPLIES_PER_ACCOUNT = 10
#: Characters of a delta.
DELTA = "abcdefg hijklm nopq "
EVENTS, PLAIN = "paced-events", "paced-plain"


class PacedModel:
    """A model whose streams get one delta after the other, in turn. `connections`: those that wait for deltas."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections: list[Connection] = []
        self._next = 0
        self._ends = asyncio.Event()

    async def __call__(self, connection: Connection) -> None:
        await connection.begin()
        self.connections.append(connection)
        await self._ends.wait()
        with contextlib.suppress(ConnectionError):
            await connection.send(DONE)
            await connection.end()

    async def send(self, count: int, rate: float) -> None:
        """Send so many deltas, at so many in a second."""
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            await self.connections[self._next % len(self.connections)].send(chunk(DELTA))
            self._next += 1

    async def finish(self) -> None:
        """End all streams."""
        self._ends.set()
        self.connections.clear()
        self._ends = asyncio.Event()


class Scene(NamedTuple):
    """A server with its process, its accounts, and its two models. `settle`: seconds that are added to each round."""

    server: ServerProcess
    worker: int
    users: list[Client]
    events: PacedModel
    plain: PacedModel
    upstream: Upstream
    settle: float

    def cpu(self) -> float:
        """Return the processor time that the server has used, in microseconds."""
        return cpu_seconds(self.worker) * 1e6

    async def cost(self, model: PacedModel | None, count: int, rate: float) -> float:
        """Return the processor time while a model sends so many deltas; None = while as much time passes."""
        before = self.cpu()
        if model is None:
            await asyncio.sleep(count / rate)
        else:
            await self.upstream.on_loop(model.send(count, rate))
        await asyncio.sleep(self.settle)
        return self.cpu() - before

    async def until(self, model: PacedModel, count: int) -> None:
        """Wait until so many streams of a model are open."""
        async with asyncio.timeout(120):
            while len(model.connections) < count:
                await asyncio.sleep(0.05)


@contextlib.contextmanager
def scene(accounts: int, settle: float) -> Iterator[Scene]:
    """Yield a running server with that many accounts.

    `settle`: seconds in which it finishes what belongs to a round, such as a write to the journal.
    """
    events, plain = PacedModel(EVENTS), PacedModel(PLAIN)
    behaviours.BEHAVIOURS |= {EVENTS: events, PLAIN: plain}
    models = [{"id": name, "object": "model"} for name in (EVENTS, PLAIN)]
    with Upstream(models=models) as upstream, tempfile.TemporaryDirectory() as directory:
        environment = upstream.environment | {
            "DATA_DIR": str(Path(directory) / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PORTICO_RATE_LIMITS_ENABLED": "false",
            "PORTICO_COMPLETIONS_MAX_RUNNING": "1000",
        }
        server = ServerProcess(environment, Path(directory)).start()
        try:
            admin = server.client.sign_up("Ada")
            users = [admin.add_user(f"User{number}") for number in range(accounts)]
            assert server.process is not None
            worker = worker_of(server.process.pid)
            yield Scene(server, worker, users, events, plain, upstream, settle)
        finally:
            server.kill()
            del behaviours.BEHAVIOURS[EVENTS], behaviours.BEHAVIOURS[PLAIN]


def start_replies(users: list[Client], count: int) -> None:
    """Ask for replies in events, a few for each account."""
    for number in range(count):
        user = users[number % len(users)]
        answer = ask(user, *start_chat(user), model=EVENTS)
        assert answer.status == 200, answer


async def open_plain_stream(url: str, user: Client) -> asyncio.StreamWriter:
    """Ask for a plain stream, and read it in the background."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    form = {"model": PLAIN, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    body = json.dumps(form)
    writer.write(
        f"POST /api/chat/completions HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {user.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )

    async def read() -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass

    writer.reading = asyncio.create_task(read())  # type: ignore[attr-defined] # kept while the stream is
    return writer


async def many(of: Scene, replies: int, rate: float, rounds: int, deltas: int) -> None:
    """Measure many replies and streams, and print."""
    sockets = ManySockets(of.server.url, [{"token": user.token} for user in of.users])
    await sockets.connect()
    await asyncio.to_thread(start_replies, of.users, replies)
    streams = [
        await open_plain_stream(of.server.url, of.users[number % len(of.users)])
        for number in range(replies)
    ]
    await of.until(of.events, replies)
    await of.until(of.plain, replies)
    before = sockets.events
    figures: dict[str, list[float]] = {"idle": [], "plain": [], "events": []}
    modes = [("idle", None), ("plain", of.plain), ("events", of.events)]
    for number in range(rounds):
        for name, model in modes if number % 2 else reversed(modes):
            figures[name].append(await of.cost(model, deltas, rate))
    idle, plain, events = (statistics.median(figures[name]) for name in figures)
    seconds = deltas / rate + of.settle
    click.echo(
        f"{replies} replies, {rate:g} deltas a second: {sockets.events - before} events of {rounds * deltas} deltas"
    )
    click.echo(f"  idle                       {idle / seconds / 1e4:8.2f} % of a processor")
    click.echo(f"  plain stream, per delta    {(plain - idle) / deltas:8.0f} us")
    click.echo(f"  reply in events, per delta {(events - idle) / deltas:8.0f} us")
    click.echo(f"  ratio                      {(events - idle) / max(1.0, plain - idle):8.2f}")
    await of.upstream.on_loop(of.events.finish())
    await of.upstream.on_loop(of.plain.finish())
    for stream in streams:
        stream.close()
    await sockets.close()


async def long(of: Scene, chars: int, rate: float) -> None:
    """Measure one long reply by fifths, and print."""
    user = of.users[0]
    deltas = chars // len(DELTA) // 5
    sockets = ManySockets(of.server.url, [{"token": user.token}])
    await sockets.connect()
    await asyncio.to_thread(start_replies, [user], 1)
    await of.until(of.events, 1)
    idle = await of.cost(None, deltas, rate)
    costs = []
    for number in range(5):
        events, received = sockets.events, sockets.sockets[0].bytes
        cost = (await of.cost(of.events, deltas, rate) - idle) / deltas
        costs.append(cost)
        events, received = sockets.events - events, sockets.sockets[0].bytes - received
        click.echo(
            f"  {(number + 1) * deltas * len(DELTA):8} characters: {cost:6.0f} us per delta, {events} events, "
            f"{received / 1e6:.1f} MB sent"
        )
    click.echo(f"  last fifth over first fifth: {costs[-1] / max(1.0, costs[0]):.2f}")
    await of.upstream.on_loop(of.events.finish())
    await sockets.close()


@click.command(help=__doc__)
@click.option("--replies", default=500, show_default=True)
@click.option("--rate", default=50.0, help="Deltas in a second, of all together.")
@click.option("--rounds", default=4, show_default=True)
@click.option("--deltas", default=500, help="Of one round.", show_default=True)
@click.option("--chars", default=200_000, help="Of the long reply.", show_default=True)
@click.option("--long-rate", default=500.0, help="Its deltas in a second.", show_default=True)
@click.option("--settle", default=1.5, help="Seconds after each round.", show_default=True)
def main(
    replies: int, rate: float, rounds: int, deltas: int, chars: int, long_rate: float, settle: float
) -> None:
    with scene(max(1, replies // REPLIES_PER_ACCOUNT), settle) as of:
        asyncio.run(many(of, replies, rate, rounds, deltas))
        click.echo("one long reply")
        asyncio.run(long(of, chars, long_rate))


if __name__ == "__main__":
    main()
