"""Soak test: mixed load on a real server, whose memory must stay flat.

    .venv/bin/python -m tests.soak [--minutes 15] [--postgres] [--diagnose]

Exits with 0 if memory is flat over the last two thirds, no row is orphaned and no request failed; else with 1.
`--diagnose` has the server report which objects and lines use more memory at the end than after a third. That makes it
slower and larger, so the figures are not those of a normal server.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from tests.servers import fresh_database, postgres_server
from tests.soak.soaking import soak


@click.command()
@click.option("--minutes", default=15.0, help="Duration in minutes.")
@click.option("--postgres", is_flag=True, help="Use PostgreSQL instead of SQLite.")
@click.option("--diagnose", is_flag=True, help="Report which objects grow.")
def main(minutes: float, postgres: bool, diagnose: bool) -> None:
    """Run the soak test."""
    with ExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="portico-soak-")))
        settings = {}
        if postgres:
            server = end.enter_context(postgres_server())
            settings["DATABASE_URL"] = end.enter_context(fresh_database(server))
        report = soak(minutes * 60, folder, settings, prints=True, diagnoses=diagnose)
        click.echo("\n" + report.text())
    sys.exit(0 if report.is_flat and not report.orphans and not report.failed else 1)


if __name__ == "__main__":
    main()
