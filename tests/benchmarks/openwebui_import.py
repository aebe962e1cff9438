"""A whole instance of Open WebUI is imported, killed in the middle and resumed, then compared one by one.

    .venv/bin/python -m tests.benchmarks.openwebui_import [--chats 5000 --messages 100000] [--only sqlite] [--version 0.12.4]

For each release and each database as the target, prints messages per second of the whole command, then what differs
from the source: counts, access of each account to each model, and the tree of messages of each chat. With --from-postgres, the source
is a PostgreSQL database as well.
"""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import asyncpg
import click
from tests.openwebui import MadeUpInstance, write_postgres, write_sqlite, write_uploads
from tests.openwebui.comparison import differences
from tests.servers import fresh_database, postgres_server
from tests.upstream import Upstream

from portico.testing import SECRET, InProcessApp
from portico.testing.processes import bare_environment

#: Seconds between two looks at how many chats there are.
PAUSE = 0.05
VERSIONS = ("0.6.41", "0.12.4")
COUNT = "SELECT count(*) FROM chats_chat"
#: Differences that are printed.
SHOWN = 20


def chats_of(database_url: str, folder: Path) -> int:
    """Return how many chats a target has; 0 before it has the table."""
    if database_url:
        return asyncio.run(_chats_of_postgres(database_url))
    try:
        with closing(sqlite3.connect(f"file:{folder}/data/portico.db?mode=ro", uri=True)) as opened:
            return int(opened.execute(COUNT).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


async def _chats_of_postgres(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(COUNT))
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()


def environment(database_url: str, folder: Path) -> dict[str, str]:
    """Return the settings of a target."""
    return {
        "DATA_DIR": str(folder / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "GLOBAL_LOG_LEVEL": "ERROR",
        "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
        **({"DATABASE_URL": database_url} if database_url else {}),
    }


def start(source: str, uploads: Path, settings: dict[str, str]) -> subprocess.Popen[str]:
    """Start the import in a process of its own."""
    words = ["import", "openwebui", source, "--files", str(uploads), "--keep-admins"]
    return subprocess.Popen(
        [sys.executable, "-m", "portico", *words],
        env=bare_environment() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(process: subprocess.Popen[str], chats: int, database_url: str, folder: Path) -> int:
    """Kill an import when it has about a third of the chats. Returns how many there are then."""
    while process.poll() is None and chats_of(database_url, folder) < chats // 3:
        time.sleep(PAUSE)
    process.kill()
    process.communicate()
    return chats_of(database_url, folder)


def finished(process: subprocess.Popen[str]) -> float:
    """Wait for an import. Returns its seconds."""
    began = time.monotonic()
    said, _ = process.communicate()
    if process.returncode:
        raise click.ClickException(said)
    return time.monotonic() - began


def run(source: str, uploads: Path, made: MadeUpInstance, database_url: str, folder: Path) -> None:
    """Import without interruption, then into another target with one. Prints two lines, and what differs."""
    settings = environment(database_url, folder)
    (folder / "data").mkdir(parents=True)
    there = killed(start(source, uploads, settings), made.chats, database_url, folder)
    rest = finished(start(source, uploads, settings))
    with Upstream() as upstream:
        app = InProcessApp(settings | upstream.environment)
        try:
            found = differences(app.client, made)
        finally:
            app.close()
    click.echo(
        f"killed at {there} of {made.chats} chats, resumed for {rest:.1f} s: {len(found)} differences"
    )
    for one in found[:SHOWN]:
        click.echo(f"  {one}")
    if found:
        raise click.ClickException("the imported instance is not what it was")


def measure(source: str, uploads: Path, made: MadeUpInstance, url: str, folder: Path) -> None:
    """Import without interruption, and print how fast that is."""
    (folder / "data").mkdir(parents=True)
    before = processor_seconds()
    seconds = finished(start(source, uploads, environment(url, folder)))
    used = processor_seconds() - before
    click.echo(
        f"{made.messages / seconds:,.0f} messages/s of the whole command, {seconds:.1f} s; "
        f"{made.messages / used:,.0f}/s of its processor time"
    )


def processor_seconds() -> float:
    """Return the seconds of the processor that ended child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sources(
    folder: Path, made: MadeUpInstance, server: str, end: ExitStack
) -> Iterator[tuple[str, str]]:
    """Yield each source: its name, and where it is."""
    yield "SQLite", str(write_sqlite(folder / f"webui-{made.version}.db", made))
    if server:
        url = end.enter_context(fresh_database(server))
        asyncio.run(write_postgres(url, made))
        yield "PostgreSQL", url


@click.command()
@click.option("--accounts", default=200, show_default=True)
@click.option("--models", default=500, show_default=True)
@click.option("--chats", default=5_000, show_default=True)
@click.option("--messages", default=100_000, show_default=True)
@click.option("--version", type=click.Choice(VERSIONS))
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="Only this target.")
@click.option("--from-postgres", is_flag=True, help="Import from PostgreSQL, too.")
def main(
    accounts: int,
    models: int,
    chats: int,
    messages: int,
    version: str | None,
    only: str | None,
    from_postgres: bool,
) -> None:
    """Import whole instances of Open WebUI."""
    with ExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory()))
        needs_server = from_postgres or only != "sqlite"
        server = end.enter_context(postgres_server()) if needs_server else ""
        for release in (version,) if version else VERSIONS:
            made = MadeUpInstance(release, accounts, models, chats, messages)
            uploads = write_uploads(folder / f"uploads-{release}", made)
            for place, source in sources(folder, made, server if from_postgres else "", end):
                for target in (only,) if only else ("sqlite", "postgres"):
                    for work in (measure, run):
                        click.echo(f"{release}, {place} to {target}: ", nl=False)
                        with tempfile.TemporaryDirectory() as data, ExitStack() as used:
                            url = (
                                used.enter_context(fresh_database(server))
                                if target == "postgres"
                                else ""
                            )
                            work(source, uploads, made, url, Path(data))
    click.echo("end of the figures")


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
