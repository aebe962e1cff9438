"""`portico group export` and `portico group import`: groups as files, for another server or a backup."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.cli import (
    Output,
    OutputFile,
    json_option,
    print_json,
    printable,
    progress_bar,
    renamed_option,
)
from portico_groups.cli_lookup import find_group
from portico_groups.import_reader import read_groups
from portico_groups.importer import GroupImport

#: Groups. An import of this many or more shows a progress bar.
MIN_GROUPS_FOR_PROGRESS = 20


@click.command()
@click.argument("file", default="-", type=OutputFile())
@click.option(
    "--group",
    "names_or_ids",
    multiple=True,
    metavar="GROUP",
    help="Export only this group. Can be given several times. Default: all groups.",
)
@renamed_option("--to", "portico group export FILE")
@click.pass_obj
def export(context: CommandContext, file: Output, names_or_ids: Sequence[str]) -> None:
    """Write groups with the ids of their members to FILE as JSON (default: standard output)."""

    async def work(app: AppContext) -> list[Any]:
        named = [await find_group(app, one) for one in names_or_ids]
        found = named or await app.identity.groups.all()
        return [await context.plugin.export(one.id) for one in found]

    exported = context.run(work)
    with file.open() as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(exported), indent=2) + b"\n")
    if not file.is_standard:
        click.echo(f"Wrote {len(exported)} groups to {file.name}.")


@click.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Overwrite groups whose id exists.")
@click.option("--dry-run", is_flag=True, help="Print what would be imported, but write nothing.")
@json_option
@click.pass_obj
def import_(
    context: CommandContext, source: Any, replace: bool, dry_run: bool, as_json: bool
) -> None:
    """Import exported groups from FILE (- = standard input): all of them, or none."""
    groups = read_groups(source)

    def run(on_group: Any) -> Any:
        return context.run(
            lambda app: GroupImport(app, by="", replace=replace).run(
                groups, on_group, dry_run=dry_run
            )
        )

    if as_json or len(groups) < MIN_GROUPS_FOR_PROGRESS:
        reports = run(lambda: None)
    else:
        with progress_bar("Checking" if dry_run else "Importing", len(groups)) as bar:
            reports = run(lambda: bar.update(1))
    if as_json:
        print_json(reports)
        return
    for report in reports:
        ignored = f", {len(report.ignored)} unknown ignored" if report.ignored else ""
        members = member_count(report.members)
        click.echo(
            printable(
                f"{'would be ' if dry_run else ''}{report.result}  {report.id}  {report.name}: {members}{ignored}"
            )
        )


def member_count(count: int) -> str:
    """Return the number with its noun, such as `1 member`."""
    return "1 member" if count == 1 else f"{count} members"
