"""Many tasks while the processes that run them are killed at random: each effect happens exactly once.

    .venv/bin/python -m tests.soak.task_kills [--tasks 500] [--servers 3] [--kills 12] [--postgres]

Server processes on one database run the tasks, each of which writes one row; this process creates the tasks and kills the
others with SIGKILL, again and again. Exits with 1 if an effect is missing, or happened twice.
"""

import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
from tests.servers import fresh_database, postgres_server
from tests.task_kills import (
    WATCHES,
    create_effects,
    effects_of,
    install_effects,
    kill_at_random,
    make_table,
)

from portico.testing import SECRET, InProcessApp, ServerProcess


class Outcome(NamedTuple):
    """What happened. `missing`, `repeated`: tasks without an effect, and with more than one."""

    tasks: int
    missing: int
    repeated: int
    kills: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether each task has had exactly one effect."""
        return not self.missing and not self.repeated

    def text(self) -> str:
        """The report as text."""
        return (
            f"{self.tasks} tasks, {self.kills} processes killed, {self.seconds:.0f} s: "
            f"{self.missing} effects missing, {self.repeated} repeated"
        )


def run_under_kills(
    database_url: str, directory: Path, *, tasks: int, servers: int, kills: int, seconds: float
) -> Outcome:
    """Run so many tasks in so many server processes, of which one is killed now and then. `seconds`: limit of a task."""
    settings = install_effects(directory)
    sys.path.insert(0, settings["PYTHONPATH"])
    environment = {
        "DATA_DIR": str(directory / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "GLOBAL_LOG_LEVEL": "error",
    } | ({"DATABASE_URL": database_url} if database_url else {})
    with contextlib.ExitStack() as opened:
        opened.callback(sys.path.remove, settings["PYTHONPATH"])
        app = InProcessApp(environment | WATCHES)
        opened.callback(app.close)
        make_table(app)
        running = []
        for number in range(servers):
            folder = directory / f"server-{number}"
            folder.mkdir()
            server = ServerProcess(environment | settings, folder)
            opened.callback(server.kill)
            running.append(server.start())
        began = time.monotonic()
        created = create_effects(app, tasks, seconds=seconds)
        killed = kill_at_random(app, running, kills=kills, seconds=1.0)
        took, effects = time.monotonic() - began, effects_of(app)
    counts = Counter({task_id: effects.get(task_id, 0) for task_id in created})
    missing = sum(1 for count in counts.values() if count == 0)
    repeated = sum(1 for count in counts.values() if count > 1)
    return Outcome(tasks, missing, repeated + len(effects.keys() - counts.keys()), killed, took)


@click.command(help=__doc__, context_settings={"max_content_width": 130})
@click.option("--tasks", default=500, help="Tasks.")
@click.option("--servers", default=3, help="Server processes.")
@click.option("--kills", default=12, help="How often one of them is killed.")
@click.option("--seconds", default=2.0, help="The longest time that a task takes.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL, instead of SQLite.")
def main(tasks: int, servers: int, kills: int, seconds: float, postgres: bool) -> None:
    """Run it once and report."""
    with contextlib.ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        url = ""
        if postgres:
            url = opened.enter_context(fresh_database(opened.enter_context(postgres_server())))
        outcome = run_under_kills(
            url, directory, tasks=tasks, servers=servers, kills=kills, seconds=seconds
        )
    click.echo(outcome.text())
    sys.exit(not outcome.is_right)


if __name__ == "__main__":
    main()
