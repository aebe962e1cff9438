"""`portico db check`: what in the database refers to nothing, and what else is wrong with it."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portico.cli.context import CommandContext
from portico.errors import OperatorError

if TYPE_CHECKING:
    from portico.boot import Application


class CannotCheck(OperatorError):
    """There is no database to look at, or it is another release's."""


@click.command()
@click.option("--repair", is_flag=True, help="Remove what can be removed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
@click.pass_obj
def check(key: CommandContext, repair: bool, as_json: bool) -> None:
    """Find rows that belong to nothing, such as chats of deleted accounts, and other faults.

    Exits with 0 if there is none (any more), else with 1. Changes nothing without --repair.
    """
    found, left = asyncio.run(_examined(key, repair))
    if as_json:
        click.echo(json.dumps({"found": found, "left": left}, indent=2))
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
        return f"{faults} found. `portico db check --repair` removes what can be removed."
    if not left:
        return f"{faults} found and removed."
    return "\n".join([f"{faults} found. These are left:", *left])


async def _examined(key: CommandContext, repair: bool) -> tuple[list[str], list[str]]:
    """What was found, and what of it is left."""
    from portico.boot.schema import start_database
    from portico.db.consistency import MAX_ROUNDS

    application: Application = key.application()
    _require_file(application)
    await start_database(application)
    try:
        with application.database.use():
            checks = await application.database_checks(await _behind(application))
            found: list[str] = []
            for _ in range(MAX_ROUNDS):
                faults = [(one, sentences) for one in checks if (sentences := await one.find())]
                left = [sentence for _, sentences in faults for sentence in sentences]
                found += [sentence for sentence in left if sentence not in found]
                repairs = [one.repair for one, _ in faults if one.repair is not None]
                if not repair or not repairs:
                    break
                for work in repairs:
                    await work()
            return found, left
    finally:
        await application.database.stop()


def _require_file(application: "Application") -> None:
    """Raises: CannotCheck where opening the database would make one."""
    from portico.db.address import SQLiteAddress, find_database

    settings = application.settings
    address = find_database(settings.database, Path(settings.data_dir).absolute())
    if isinstance(address, SQLiteAddress) and not address.path.exists():
        raise CannotCheck(f"There is no database at {address.path} yet.")


async def _behind(application: "Application") -> frozenset[str]:
    """Owners of tables whose schema is not up to date; what they bring cannot be asked. Raises: CannotCheck."""
    from portico.db import schema_status
    from portico.instances import unknown_steps

    status = await schema_status(application.database, application.table_sets)
    if unknown := unknown_steps(status):
        raise CannotCheck(
            "A newer release has changed the schema, and this one does not know these steps: "
            f"{unknown}. Run `portico db check` of that release."
        )
    if status.pending:
        click.echo(
            f"Not up to date, and therefore only looked at by their keys: {', '.join(status.pending)}. Run "
            "`portico migrate` first to have all looked at.",
            err=True,
        )
    return frozenset(status.pending)
