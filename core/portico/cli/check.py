"""`portico db check`: what in the database refers to nothing, and what else is wrong with it."""

import asyncio
import json
from typing import Any

import click

from portico.cli.key import Key


@click.command()
@click.option("--repair", is_flag=True, help="Remove what can be removed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
@click.pass_obj
def check(key: Key, repair: bool, as_json: bool) -> None:
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


async def _examined(key: Key, repair: bool) -> tuple[list[str], list[str]]:
    """What was found, and what of it is left."""
    from portico.db.consistency import MAX_ROUNDS

    portico: Any = key.portico()
    await portico.database.start()
    try:
        with portico.database.use():
            checks = await portico.database_checks()
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
        await portico.database.stop()
