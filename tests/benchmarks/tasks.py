"""Throughput, latency and idle cost of background tasks, compared with bare arq that does the same work in the same run.

    .venv/bin/python -m tests.benchmarks.tasks [--tasks 500] [--rounds 30] [--idle 10] [--only sqlite]

One process, one application, one database; with PostgreSQL also an application and a worker that is told of tasks by the queue
in Redis. A task writes one row. Bare arq has the same function, the same database and as
many slots, a Redis of its own, and its default settings; what it has done is in no table, and the row and the end of the job
are not one transaction. Printed are the tasks per second from the first creation to the last end, the time from the creation of
a single task to its start, the processor time of a second without tasks, and each of them as a ratio.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
from arq import func
from arq.connections import ArqRedis
from arq.worker import Worker
from tests.redis_server import RedisServer
from tests.servers import fresh_database, postgres_server

from portico.boot import Application
from portico.db import execute, transaction
from portico.tasks import TaskRun, TaskType
from portico.testing import SECRET, InProcessApp

#: Tasks that run at the same time.
SLOTS = 10
_NAME = "benchmark:effect"
_EFFECT = "INSERT INTO effects (label) VALUES ($1)"
#: Creates a task, given a label.
Create = Callable[[str], Awaitable[object]]


class Effect(msgspec.Struct):
    """The arguments of a task."""

    label: str = ""


class Observer:
    """Is told of starts and ends of tasks."""

    def __init__(self) -> None:
        self.started_at: dict[str, float] = {}
        self.ended = 0
        self._changed = asyncio.Event()

    def start(self, label: str) -> None:
        """Note that a task has started."""
        self.started_at[label] = time.perf_counter()
        self._changed.set()

    def end(self) -> None:
        """Note that a task has ended."""
        self.ended += 1
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds that a start or an end may fulfil."""
        async with asyncio.timeout(600):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Figures(NamedTuple):
    """`rate`: tasks per second. `latency`: seconds, the median. `idle`: processor time of an idle second, `cost`: of a task,
    its creation included, which another load of the machine changes least.
    """

    rate: float
    cost: float
    latency: float
    idle: float


class Numbers(NamedTuple):
    """How much is measured. `idle`: seconds."""

    tasks: int
    rounds: int
    idle: float


async def processor_time(seconds: float) -> float:
    """Return the processor time of this process in a second, while nothing is to be done."""
    began = time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - began) / seconds


async def measure(observer: Observer, create: Create, numbers: Numbers) -> Figures:
    """Measure one runner that runs already."""
    idle = await processor_time(numbers.idle)
    latencies = []
    for number in range(numbers.rounds):
        label = f"single {number}"
        began = time.perf_counter()
        await create(label)
        await observer.until(lambda label=label: label in observer.started_at)
        latencies.append(observer.started_at[label] - began)
        await observer.until(lambda number=number: observer.ended > number)
    began, before, used = time.perf_counter(), observer.ended, time.process_time()
    for number in range(numbers.tasks):
        await create(f"one of many {number}")
    await observer.until(lambda: observer.ended == before + numbers.tasks)
    rate = numbers.tasks / (time.perf_counter() - began)
    cost = (time.process_time() - used) / numbers.tasks
    return Figures(rate, cost, statistics.median(latencies), idle)


async def measure_own_runner(app: InProcessApp, numbers: Numbers) -> Figures:
    """Measure the runner of the server."""
    observer = Observer()
    figures = await measure(observer, _register(observer, app.portico), numbers)
    await app.portico.tasks.stop()
    return figures


def _register(observer: Observer, *applications: Application) -> Create:
    """Register the task in these applications, and return what creates one at the first of them."""

    async def effect(run: TaskRun, arguments: Effect) -> None:
        observer.start(arguments.label)
        async with run.completing():
            await execute(_EFFECT, arguments.label)
        observer.end()

    async def create(label: str) -> None:
        await applications[0].tasks.create(_NAME, Effect(label))

    for one in applications:
        one.tasks.set_types([*one.tasks.types.values(), TaskType(_NAME, Effect, effect)])
    return create


async def measure_worker(app: InProcessApp, numbers: Numbers) -> Figures:
    """Measure a worker, which runs what the server creates. It is in the same process."""
    observer, server = Observer(), app.portico
    worker = Application(server.loaded, server.settings.identity.secret_key, role="worker")
    await worker.start()
    await server.instance_channel.find_peers()
    try:
        return await measure(observer, _register(observer, server, worker), numbers)
    finally:
        await worker.stop()


async def measure_arq(redis_url: str, numbers: Numbers) -> Figures:
    """Measure bare arq in the process of an application whose own runner is stopped."""
    observer = Observer()

    async def effect(_context: dict[Any, Any], label: str) -> None:
        observer.start(label)
        async with transaction():
            await execute(_EFFECT, label)
        observer.end()

    async with arq_worker(redis_url, effect) as redis:

        async def create(label: str) -> None:
            await redis.enqueue_job("effect", label)

        return await measure(observer, create, numbers)


@contextlib.asynccontextmanager
async def arq_worker(
    redis_url: str, effect: Callable[..., Awaitable[None]]
) -> AsyncIterator[ArqRedis]:
    """Run a worker of arq in this process, and yield what enqueues jobs."""
    redis = ArqRedis.from_url(redis_url)
    worker = Worker(
        functions=[func(effect, name="effect", keep_result=0)],
        redis_pool=redis,
        max_jobs=SLOTS,
        handle_signals=False,
    )
    running = asyncio.create_task(worker.async_run())
    try:
        yield redis
    finally:
        running.cancel()
        await asyncio.wait({running})
        # Not `worker.close`: it waits for its main task, which is cancelled, and leaves its connections open then.
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        await redis.aclose(close_connection_pool=True)


@contextlib.contextmanager
def application(database_url: str, redis_url: str = "") -> Iterator[InProcessApp]:
    """Yield an application on an empty database, with a table for the effects."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "DATA_DIR": str(Path(directory) / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "PORTICO_TASKS_CONCURRENCY": str(SLOTS),
            "PORTICO_WORKER_CONCURRENCY": str(SLOTS),
            "REDIS_URL": redis_url,
            "GLOBAL_LOG_LEVEL": "warning",
        }
        app = InProcessApp(environment | ({"DATABASE_URL": database_url} if database_url else {}))
        try:
            app.run(execute, "CREATE TABLE effects (label TEXT NOT NULL)")
            yield app
        finally:
            app.close()


def report(kind: str, own: Figures, bare: Figures, who: str = "own runner") -> None:
    """Print the figures of one database. `who`: what is compared with bare arq."""
    click.echo(f"\n{kind}")
    lines = (
        ("tasks per second", own.rate, bare.rate, "{:.0f}"),
        ("CPU ms per task", own.cost * 1e3, bare.cost * 1e3, "{:.2f}"),
        ("creation to start, ms (median)", own.latency * 1e3, bare.latency * 1e3, "{:.2f}"),
        ("idle runner, CPU %", own.idle * 100, bare.idle * 100, "{:.3f}"),
    )
    for what, ours, theirs, form in lines:
        ratio = ours / theirs if theirs > 0 else float("nan")
        figures = (form.format(ours), form.format(theirs), f"{ratio:.3f}")
        click.echo("  {:32} {} {:>9}   bare arq {:>9}   ratio {}".format(what, who, *figures))


@click.command(help=__doc__, context_settings={"max_content_width": 130})
@click.option("--tasks", default=500, help="Tasks that are created one after the other.")
@click.option("--rounds", default=30, help="Single tasks, for the latency.")
@click.option("--idle", default=10.0, help="Seconds without tasks.")
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="One database only.")
def main(tasks: int, rounds: int, idle: float, only: str | None) -> None:
    """Measure both runners on each database."""
    numbers = Numbers(tasks, rounds, idle)
    with contextlib.ExitStack() as opened:
        redis = RedisServer().start()
        opened.callback(redis.close)
        urls = {"sqlite": ""}
        if only != "sqlite":
            urls["postgres"] = opened.enter_context(
                fresh_database(opened.enter_context(postgres_server()))
            )
        for kind in [only] if only else urls:
            with application(urls[kind]) as app:
                own = app.run(measure_own_runner, app, numbers)
                at_rest = app.run(processor_time, numbers.idle)
                bare = app.run(measure_arq, redis.url, numbers)
            report(kind, *(one._replace(idle=one.idle - at_rest) for one in (own, bare)))
        if "postgres" in urls and only != "sqlite":
            report_worker(urls["postgres"], redis.url, numbers)


def report_worker(database_url: str, redis_url: str, numbers: Numbers) -> None:
    """Measure and print a worker on another database of the same server."""
    with fresh_database(database_url) as url, application(url, redis_url) as app:
        app.run(app.portico.tasks.stop)
        at_rest = app.run(processor_time, numbers.idle)
        own = app.run(measure_worker, app, numbers)
        bare = app.run(measure_arq, redis_url, numbers)
    figures = (one._replace(idle=one.idle - at_rest) for one in (own, bare))
    report("postgres, a worker and the queue", *figures, who="worker    ")


if __name__ == "__main__":
    main()
