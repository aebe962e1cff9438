"""`portico group export` and `import`: taking groups from one house to another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico_groups.cli_lookup import find
from portico_groups.cli_output import as_json, members, say
from portico_groups.import_reader import read_groups
from portico_groups.importer import GroupImport
from portico_groups.service import GroupService

#: From how many groups on an import shows how far it is.
MANY = 20


@click.command()
@click.argument("which", metavar="[GROUP]...", nargs=-1)
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="A file. Default: print it."
)
@click.pass_obj
def export(key: CommandContext, which: Sequence[str], to: Path | None) -> None:
    """Write groups with the ids of their members as JSON; all of them unless named."""

    async def work(app: AppContext) -> list[Any]:
        named = [await find(app, one) for one in which]
        found = named or await app.identity.groups.all()
        return [await GroupService(app).export(one.id) for one in found]

    exported = msgspec.json.format(msgspec.json.encode(key.run(work)), indent=2).decode()
    if to is None:
        click.echo(exported)
    else:
        to.write_text(exported + "\n", encoding="utf-8")
        click.echo(f"Wrote {to}.")


@click.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Change groups whose id is there already.")
@as_json
@click.pass_obj
def import_(key: CommandContext, source: Any, replace: bool, as_json: bool) -> None:
    """Bring in exported groups from FILE (- = standard input): all of them, or none."""
    groups = read_groups(source)

    def run(on_group: Any) -> Any:
        return key.run(lambda app: GroupImport(app, by="", replace=replace).run(groups, on_group))

    if as_json or len(groups) < MANY:
        reports = run(lambda: None)
    else:
        with click.progressbar(length=len(groups), label="Importing") as bar:
            reports = run(lambda: bar.update(1))
    if as_json:
        say(reports)
        return
    for report in reports:
        passed = f", {len(report.ignored)} unknown passed over" if report.ignored else ""
        click.echo(
            f"{report.result}  {report.id}  {report.name}: {members(report.members)}{passed}"
        )
