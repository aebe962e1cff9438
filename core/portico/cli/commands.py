"""The core's own commands. Each one says what it did, and `--json` says it to programs."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from portico.cli.context import CommandContext
from portico.cli.database import db
from portico.cli.secret import secret

if TYPE_CHECKING:
    from portico.boot import Application

JSON = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


def register(cli: click.Group) -> None:
    """Add the core's commands to the root command."""
    for command in (serve, migrate, plugins, config, secret, db):
        cli.add_command(command)


@click.command()
@click.option("--host", "HOST", help="Address to listen on (HOST).")
@click.option(
    "--port", "PORT", type=click.IntRange(0, 65535), help="TCP port; 0 = any free (PORT)."
)
@click.option(
    "--workers",
    "UVICORN_WORKERS",
    type=click.IntRange(1),
    help="Worker processes (UVICORN_WORKERS).",
)
@click.option(
    "--data-dir",
    "DATA_DIR",
    type=click.Path(file_okay=False),
    help="Where things are kept (DATA_DIR).",
)
@click.option(
    "--migrate/--no-migrate",
    "PORTICO_DATABASE_MIGRATE",
    default=None,
    help="Bring the schema up to date first, or refuse to.",
)
@click.option(
    "--force",
    "PORTICO_DATABASE_FORCE",
    is_flag=True,
    default=None,
    help="Although a newer release has changed the schema, or instances run that the steps harm.",
)
@click.option(
    "--new-database",
    "PORTICO_NEW_DATABASE",
    is_flag=True,
    default=None,
    help="Begin anew with an empty database, although another one was used before.",
)
@click.pass_obj
def serve(key: CommandContext, /, **options: Any) -> None:
    """Serve until stopped. Ctrl-C or SIGTERM lets running requests finish first."""
    from portico.server.serve import serve as run

    run(key.load_settings(**options))


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; exit with 1 if something is pending, or if a newer release has changed the schema.",
)
@click.option(
    "--force",
    is_flag=True,
    default=None,
    help="Apply the steps beside instances that they harm, and leave those of a newer release alone.",
)
@click.option(
    "--new-database",
    is_flag=True,
    default=None,
    help="Begin anew with an empty database, although another one was used before.",
)
@click.pass_obj
def migrate(
    key: CommandContext, check: bool, force: bool | None, new_database: bool | None
) -> None:
    """Bring the database schema up to date, the core's and every plugin's."""
    key.load_settings(PORTICO_DATABASE_FORCE=force, PORTICO_NEW_DATABASE=new_database)
    application = key.application()

    async def work() -> int:
        await application.database.start()
        try:
            with application.database.use():
                return await (_check(application) if check else _migrate(application))
        finally:
            await application.database.stop()

    raise SystemExit(asyncio.run(work()))


async def _check(application: "Application") -> int:
    """Say what is pending, and what is not known. The exit code."""
    from portico.db import BadMigration, schema_status

    status = await schema_status(application.database, application.table_sets)
    for reason in status.unreadable.values():
        raise BadMigration(reason)
    for word, steps in (("pending", status.pending_names), ("unknown", status.unknown)):
        for owner, names in steps.items():
            for name in names:
                click.echo(f"{word}  {owner}  {name}")
    if status.unknown:
        click.echo("A newer release has changed the schema. This one must not be started on it.")
    elif not status.pending:
        click.echo("The schema is up to date.")
    return 1 if status.pending or status.unknown else 0


async def _migrate(application: "Application") -> int:
    """Apply what is pending. The exit code."""
    from portico.boot.schema import database_identity
    from portico.db import pending
    from portico.instances import bring_up_to_date

    waiting = await pending(application.database, application.table_sets)
    with click.progressbar(length=sum(map(len, waiting.values())) or 1, label="Migrating") as bar:
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


@click.command()
@JSON
@click.pass_obj
def plugins(key: CommandContext, as_json: bool) -> None:
    """List every installed plugin: its state, why, and what it brings."""
    registry = key.application().registry
    if as_json:
        click.echo(json.dumps([record.described() for record in registry], indent=2))
        return
    wide = max((len(record.name) for record in registry), default=4)
    for record in registry:
        mark = {"active": "●", "disabled": "○", "failed": "✗"}[record.state]
        click.echo(
            f"{mark} {record.name:<{wide}}  {record.version:<8} {record.state:<9} {record.summary}"
        )
        indent = " " * (wide + 4)
        if record.reason:
            click.echo(f"{indent}why: {record.reason}")
        for kind, things in record.provides.items():
            click.echo(f"{indent}{kind}: {', '.join(things)}")


@click.command()
@JSON
@click.pass_obj
def config(key: CommandContext, as_json: bool) -> None:
    """Print every setting, its value (secrets masked) and where it came from."""
    import msgspec

    from portico.settings.describe import describe, format_table

    schemas = {
        contribution.plugin_name: type(contribution.settings)
        for contribution in key.application().contributions
        if contribution.settings
    }
    rows = describe(key.load_settings(), schemas)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        click.echo(format_table(rows))
