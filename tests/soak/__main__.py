"""Mixed load on a real server, and whether its memory stays flat.

    .venv/bin/python -m tests.soak [--minutes 15] [--postgres] [--diagnose]

Exits with 0 if memory is flat over the last two thirds, no row belongs to nothing and nothing failed; else with 1.
`--diagnose` has the server say which objects and lines hold more at the end than after a third; that alone makes it
slower and larger, so its figures are not those of a server.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from tests.servers import fresh_database, postgres_server
from tests.soak.soaking import soak


@click.command()
@click.option("--minutes", default=15.0, help="How long.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL rather than SQLite.")
@click.option("--diagnose", is_flag=True, help="Say what grows.")
def main(minutes: float, postgres: bool, diagnose: bool) -> None:
    """Soak a server."""
    with ExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="portico-soak-")))
        settings = {}
        if postgres:
            server = end.enter_context(postgres_server())
            settings["DATABASE_URL"] = end.enter_context(fresh_database(server))
        report = soak(minutes * 60, folder, settings, says=True, diagnoses=diagnose)
        click.echo("\n" + report.text())
    sys.exit(0 if report.is_flat and not report.orphans and not report.failed else 1)


if __name__ == "__main__":
    main()
