"""`portico db check`: finds and removes rows that refer to rows that do not exist, and other faults."""

import asyncio
from typing import TYPE_CHECKING

import click

from portico.cli.context import CLIContext
from portico.cli.database_file import require_database
from portico.errors import OperatorError
from portico.terminal.options import json_option
from portico.terminal.text import print_json

if TYPE_CHECKING:
    from portico.boot import Application


class CannotCheck(OperatorError):
    """A newer release has changed the schema."""


@click.command()
@click.option(
    "--repair",
    is_flag=True,
    help="Repair what can be repaired: remove such rows, or clear the reference.",
)
@json_option
@click.pass_obj
def check(context: CLIContext, repair: bool, as_json: bool) -> None:
    """Find rows that refer to missing rows, such as chats of deleted accounts, and other faults.

    Changes nothing without --repair. Exits with 0 if no fault is left, else with 1.
    """
    found, left = asyncio.run(_find_faults(context, repair))
    if as_json:
        print_json({"found": found, "left": left})
    else:
        for sentence in found:
            click.echo(sentence)
        click.echo(_summary(found, left, repair))
    raise SystemExit(1 if left else 0)


def _summary(found: list[str], left: list[str], repair: bool) -> str:
    if not found:
        return "No faults were found."
    faults = "1 fault" if len(found) == 1 else f"{len(found)} faults"
    if not repair:
        return f"{faults} found. `portico db check --repair` repairs what can be repaired."
    if not left:
        return f"{faults} found and repaired."
    return "\n".join([f"{faults} found. These could not be repaired:", *left])


async def _find_faults(context: CLIContext, repair: bool) -> tuple[list[str], list[str]]:
    """Return the faults that were found, and those that are left. Each is one sentence."""
    from portico.audit import record_change
    from portico.boot.schema import start_database
    from portico.db.consistency import MAX_ROUNDS

    application: Application = context.application()
    require_database(application.settings)
    await start_database(application)
    try:
        with application.database.use():
            checks = await application.database_checks(await _outdated_owners(application))
            found: list[str] = []
            for _ in range(MAX_ROUNDS):
                faults = [(one, sentences) for one in checks if (sentences := await one.find())]
                left = [sentence for _, sentences in faults for sentence in sentences]
                found += [sentence for sentence in left if sentence not in found]
                repairs = [one.repair for one, _ in faults if one.repair is not None]
                if not repair or not repairs:
                    break
                if found == left:  # the first round
                    await record_change(
                        "database.repaired", "database", "", None, {"found": len(found)}
                    )
                for work in repairs:
                    await work()
            return found, left
    finally:
        await application.database.stop()


async def _outdated_owners(application: "Application") -> frozenset[str]:
    """Return the owners of tables whose schema is not up to date; their checks cannot run. Raises: CannotCheck."""
    from portico.db import schema_status
    from portico.instances import unknown_steps

    status = await schema_status(application.database, application.table_sets)
    if unknown := unknown_steps(status):
        raise CannotCheck(
            "A newer release has changed the schema, and this release does not know these migrations: "
            f"{unknown}. Run `portico db check` of that release."
        )
    if status.pending:
        click.echo(
            f"Not up to date, so only their foreign keys are checked: {', '.join(status.pending)}. Run "
            "`portico migrate` first to check everything.",
            err=True,
        )
    return frozenset(status.pending)
