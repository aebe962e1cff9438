"""What other processes do to a database in these tests: `python -m tests.core.db.processes <verb> <url> …`."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.engines import choose, connect, settings

from portico.db import Database, TableSet, migrate, open_database
from portico.db.sqlite.file_encryption import Conversion, convert
from portico.settings.section import Secret


async def write(database: Database, prefix: str, tasks: str) -> None:
    """Insert for ever from many tasks; print an id once its write has been acknowledged."""

    async def insert(task: int) -> None:
        number = 0
        while True:
            number += 1
            name = f"{prefix}-{task}-{number}"
            if number % 2:
                await database.execute("INSERT INTO note VALUES ($1, $1)", name)
            else:
                async with database.transaction():
                    await database.execute("INSERT INTO note VALUES ($1, 'draft of ' || $1)", name)
                    await database.execute("UPDATE note SET title = $1 WHERE id = $1", name)
            print(name, flush=True)

    await asyncio.gather(*(insert(task) for task in range(int(tasks))))


async def count(database: Database, prefix: str, number: str) -> None:
    """Insert a fixed number of rows, then end."""
    names = [f"{prefix}-{each}" for each in range(int(number))]
    for name in names:
        await database.execute("INSERT INTO note VALUES ($1, $1)", name)


async def step_by_step(database: Database, kill_at: str, *plugins: str) -> None:
    """Migrate; die by SIGKILL before statement number `kill_at` (0: never)."""
    calls = 0

    def counted(real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def run(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
            return await real(*args)

        return run

    database.execute = counted(database.execute)  # type: ignore[method-assign,assignment]
    database.script = counted(database.script)  # type: ignore[method-assign,assignment]
    sets = {plugin: TableSet((), plugin) for plugin in plugins}
    report = await migrate(database, sets)
    print(sum(len(steps) for steps in report.applied.values()), flush=True)
    if report.failed:
        sys.exit(str(report.failed))


async def on_command(database: Database, *plugins: str) -> None:
    """Migrate when a line arrives, so that several can start at the same time."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await step_by_step(database, "0", *plugins)


async def main(verb: str, url: str, *args: str) -> None:
    database = open_database(settings(url, sqlite_busy_timeout=20.0), Path())
    await database.start()
    verbs: dict[str, Callable[..., Awaitable[None]]] = {
        "write": write,
        "count": count,
        "migrate": step_by_step,
        "migrate_on_command": on_command,
    }
    await verbs[verb](database, *args)
    await database.stop()


def hold(path: str, password: str = "") -> None:
    """Keep the write lock of a SQLite file until a line arrives."""
    connection = connect(path, Secret(password) if password else None)
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.readline()
    connection.execute("ROLLBACK")


def change(path: str, old: str, new: str, stage: str) -> None:
    """Encrypt, decrypt or rekey a file; die by SIGKILL at this stage, or in the middle of the copy ("copying")."""

    def die_at(reached: str) -> None:
        if reached == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    wanted = Conversion(
        Path(path), Secret(old) if old else None, Secret(new) if new else None, "test"
    )
    convert(wanted, on_stage=die_at, on_bytes=lambda _: die_at("copying"))


if __name__ == "__main__":
    choose()
    if sys.argv[1] == "hold":
        hold(*sys.argv[2:])
    elif sys.argv[1] == "change":
        change(*sys.argv[2:])
    else:
        asyncio.run(main(*sys.argv[1:]))
