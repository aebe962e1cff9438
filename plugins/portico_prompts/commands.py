"""`portico prompt`: list, export and import prompts on the command line."""

from typing import Any

import click
import msgspec

from portico.api import CommandContext
from portico.api.cli import Output, OutputFile, json_option, print_json, printable
from portico.api.resources import import_actor
from portico_prompts.transfer import PromptImport, PromptImportReport, all_prompts


@click.group()
def prompt() -> None:
    """List, export and import prompts of the workspace."""


@prompt.command("list")
@json_option
@click.pass_obj
def list_prompts(context: CommandContext, as_json: bool) -> None:
    """List every prompt of the workspace, by command."""
    prompts = context.run(all_prompts)
    if as_json:
        fields = ("id", "command", "title", "user_id", "timestamp", "created_at")
        print_json([{name: getattr(one, name) for name in fields} for one in prompts])
        return
    if not prompts:
        click.echo("There are no prompts yet. Import some with `portico prompt import FILE`.")
    for one in prompts:
        click.echo(printable(f"{one.command}  {one.title}"))


@prompt.command()
@click.argument("file", default="-", type=OutputFile())
@click.pass_obj
def export(context: CommandContext, file: Output) -> None:
    """Write all prompts as JSON to FILE (default, or -: standard output). The web client imports it, too."""
    exported = msgspec.json.encode(context.run(all_prompts))
    with file.open() as stream:
        stream.write(exported + b"\n")


@prompt.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Print what would be imported, but write nothing.")
@click.option(
    "--owner",
    metavar="EMAIL",
    help="Account that owns new prompts, and whose permissions apply. Default: the owners named in FILE if "
    "they exist here, else the first administrator.",
)
@json_option
@click.pass_obj
def import_(
    context: CommandContext, source: Any, dry_run: bool, owner: str | None, as_json: bool
) -> None:
    """Import the prompts in FILE (-: standard input), all or none. A prompt whose command exists is replaced."""

    async def work(app: Any) -> PromptImportReport:
        actor = await import_actor(app.identity, owner)
        run = PromptImport(app, context.plugin, actor, keeps_owners=owner is None)
        return await run.run(source, dry_run=dry_run)

    report = context.run(work)
    if as_json:
        print_json(report)
    else:
        for name in ("created", "updated", "rejected"):
            click.echo(f"{name:<9}  {len(getattr(report, name))}")
        for line in (*report.rejected, *report.notes):
            click.echo(printable(line), err=True)
    if report.rejected:
        raise SystemExit(1)
