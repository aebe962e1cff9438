"""`portico upgrade check`: tries the pending migrations on a copy of the database."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portico.cli.context import CLIContext
from portico.cli.database_file import require_database
from portico.terminal.options import json_option
from portico.terminal.text import print_json, printable, progress_bar

if TYPE_CHECKING:
    from portico.cli.upgrade.tried_upgrade import TriedUpgrade


@click.group()
def upgrade() -> None:
    """Find out what an upgrade to this release would do."""


@upgrade.command()
@json_option
@click.pass_obj
def check(context: CLIContext, as_json: bool) -> None:
    """Apply the pending migrations to a copy of the database, and show what they change.

    Run it with the new release, before the upgrade; servers may run meanwhile. It shows each migration with its time, the
    tables and columns that change, and whether the release that ran last may continue to run beside it. Exits with 0 if
    the upgrade works, else with 1. Nothing in the database is changed. The copy needs as much space as the database: of
    an SQLite file it is in the data directory, of PostgreSQL in a schema of its own; it is deleted at the end.
    """
    from portico.cli.upgrade.tried_upgrade import try_upgrade

    application = context.application()
    require_database(application.settings)
    data_dir = Path(application.settings.data_dir).absolute()
    tried = asyncio.run(try_upgrade(application, data_dir, progress_bar))
    if as_json:
        print_json(tried)
    else:
        _print(tried)
    raise SystemExit(0 if tried.works else 1)


def _print(tried: "TriedUpgrade") -> None:
    for step in tried.steps:
        click.echo(f"migration  {step.owner}  {step.name}  {step.seconds:.2f} s")
    for sentence in tried.changes:
        click.echo(f"changes    {sentence}")
    for sentence in tried.compatibility:
        click.echo(printable(sentence))
    for sentence in tried.notes:
        click.echo(f"note: {printable(sentence)}", err=True)
    for sentence in tried.faults:
        click.echo(f"FAULT: {printable(sentence)}", err=True)
    click.echo(tried.summary)
