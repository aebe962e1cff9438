"""The core's own commands: `serve`, `migrate`, `plugin`, `config`."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from portico.cli.backup import backup
from portico.cli.config import config
from portico.cli.context import CLIContext
from portico.cli.database import db
from portico.cli.health import health
from portico.cli.plugin_list import plugin
from portico.cli.secret import secret
from portico.cli.upgrade import upgrade
from portico.cli.worker import worker
from portico.terminal.options import renamed_command

if TYPE_CHECKING:
    from portico.boot import Application


def core_commands() -> list[click.Command]:
    """Return the core's commands. No plugin can replace one of them."""
    return [
        serve,
        worker,
        health,
        migrate,
        upgrade,
        plugin,
        config,
        secret,
        db,
        backup,
        renamed_command("plugins", "portico plugin list"),
    ]


def register(cli: click.Group) -> None:
    """Add the core's commands to the root command."""
    for command in core_commands():
        cli.add_command(command)


@click.command()
@click.option("--host", "HOST", help="Address to listen on. Sets HOST.")
@click.option(
    "--port", "PORT", type=click.IntRange(0, 65535), help="TCP port; 0 = any free port. Sets PORT."
)
@click.option(
    "--unix-socket",
    "PORTICO_UNIX_SOCKET",
    type=click.Path(dir_okay=False),
    help="Path of a Unix socket to listen on instead of host and port. Sets PORTICO_UNIX_SOCKET.",
)
@click.option(
    "--workers",
    "UVICORN_WORKERS",
    type=click.IntRange(1),
    help="Number of server processes that share the port. Sets UVICORN_WORKERS.",
)
@click.option(
    "--migrate/--no-migrate",
    "PORTICO_DATABASE_MIGRATE_ON_START",
    default=None,
    help="Update the database schema at the start, or refuse to start if it is not up to date.",
)
@click.option(
    "--force",
    "PORTICO_DATABASE_FORCE",
    is_flag=True,
    default=None,
    help="Start although a newer release has changed the database schema, or running instances do not work with "
    "the update.",
)
@click.option(
    "--new-database",
    "PORTICO_NEW_DATABASE",
    is_flag=True,
    default=None,
    help="Use this empty database although the data directory belongs to another one.",
)
@click.pass_obj
def serve(context: CLIContext, /, **options: Any) -> None:
    """Start the server. Ctrl-C or SIGTERM stops it after running requests have finished."""
    from portico.server.serve import serve as run

    run(context.load_settings(**options))


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Only list pending migrations; exit with 1 if there are any, or if a newer release has changed the schema.",
)
@click.option(
    "--force",
    is_flag=True,
    default=None,
    help="Update although running instances do not work with the update, or a newer release has changed the "
    "schema.",
)
@click.option(
    "--new-database",
    is_flag=True,
    default=None,
    help="Use this empty database although the data directory belongs to another one.",
)
@click.pass_obj
def migrate(
    context: CLIContext, check: bool, force: bool | None, new_database: bool | None
) -> None:
    """Update the database schema of the core and of every plugin.

    `portico serve` does the same at its start unless database.migrate_on_start is off.
    """
    context.load_settings(PORTICO_DATABASE_FORCE=force, PORTICO_NEW_DATABASE=new_database)
    application = context.application()

    async def work() -> int:
        await application.database.start()
        try:
            with application.database.use():
                return await (_check(application) if check else _migrate(application))
        finally:
            await application.database.stop()

    raise SystemExit(asyncio.run(work()))


async def _check(application: "Application") -> int:
    """Print pending and unknown migrations. Return the exit code."""
    from portico.db import BadMigration, schema_status

    status = await schema_status(application.database, application.table_sets)
    for reason in status.unreadable.values():
        raise BadMigration(reason)
    for state, steps in (("pending", status.pending_names), ("unknown", status.unknown)):
        for owner, names in steps.items():
            for name in names:
                click.echo(f"{state}  {owner}  {name}")
    if status.unknown:
        click.echo("A newer release has changed the schema. Do not start this release with it.")
    elif not status.pending:
        click.echo("The schema is up to date.")
    return 1 if status.pending or status.unknown else 0


async def _migrate(application: "Application") -> int:
    """Apply pending migrations. Return the exit code."""
    from portico.boot.schema import database_identity
    from portico.db import pending
    from portico.instances import bring_up_to_date

    steps = await pending(application.database, application.table_sets)
    with click.progressbar(length=sum(map(len, steps.values())) or 1, label="Migrating") as bar:
        report = await bring_up_to_date(
            application.database,
            application.table_sets,
            force=application.settings.database.force,
            identity=database_identity(application),
            on_step=lambda *_: bar.update(1),
        )
        bar.update(bar.length or 1)
    for owner, reason in report.failed.items():
        click.echo(f"failed   {owner}  {reason}", err=True)
    return 1 if report.failed else 0
