"""`portico audit …`: who changed what."""

from collections.abc import Callable
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.audit import AuditEntry
from portico.api.cli import (
    UTC_TIME,
    Output,
    OutputFile,
    epoch_seconds,
    format_time,
    json_option,
    print_json,
    printable,
    progress_bar,
    renamed_option,
)
from portico_audit.service import AuditQuery

#: Characters of the old and of the new value in a line of `audit list`.
MAX_VALUE_CHARS = 60


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select entries."""
    for option in reversed(
        [
            click.option(
                "--actor",
                default="",
                help="Only changes by this account (id or e-mail address), or `system`.",
            ),
            click.option("--event", default="", help="Only this event, such as `role.changed`."),
            click.option(
                "--resource-kind", default="", help="Only this kind of resource, such as `account`."
            ),
            click.option("--resource-id", default="", help="Only the resource with this id."),
            click.option(
                "--since",
                type=UTC_TIME,
                callback=epoch_seconds,
                help="Only changes at or after this time in UTC.",
            ),
            click.option(
                "--until",
                type=UTC_TIME,
                callback=epoch_seconds,
                help="Only changes before this time in UTC.",
            ),
            renamed_option("--author", "--actor"),
            renamed_option("--what", "--event"),
            renamed_option("--kind", "--resource-kind"),
            renamed_option("--id", "--resource-id"),
        ]
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """List and export who changed what: accounts, roles, groups, access, settings and policies."""


@audit.command("list")
@filter_options
@click.option("--before", type=int, help="Only entries with a smaller number, which are older.")
@json_option
@click.pass_obj
def list_entries(
    context: CommandContext, /, before: int | None, as_json: bool, **filters: Any
) -> None:
    """List the newest 100 changes."""
    page = context.run(lambda _: context.plugin.page(AuditQuery(**filters), before))
    if as_json:
        print_json(page)
        return
    for entry in page.entries:
        click.echo(_line(entry))
    if page.next is not None:
        click.echo(f"For older entries, add: --before {page.next}", err=True)
    if not page.entries:
        click.echo("No entries.", err=True)


@audit.command()
@filter_options
@click.argument("file", type=OutputFile())
@click.pass_obj
def export(context: CommandContext, /, file: Output, **filters: Any) -> None:
    """Write all changes to FILE, as lines of JSON.

    One entry a line, newest first; `-` = standard output.
    """

    async def work(_: AppContext) -> Any:
        found = await context.plugin.export(AuditQuery(**filters))
        with file.open() as stream, progress_bar("Exporting", found.count) as bar:
            async for count, lines in found.blocks:
                stream.write(lines)
                bar.update(count)
        return found.count

    count = context.run(work)
    click.echo(f"{count} {'entry' if count == 1 else 'entries'} written.", err=True)


def _line(entry: AuditEntry) -> str:
    author = entry.author_name or entry.author or "system"
    change = f"{_short(entry.old)} → {_short(entry.new)}"
    resource = f"{entry.resource_kind}:{entry.resource_id}"
    return printable(
        f"{entry.number:>6}  {format_time(entry.at)}  {author:20} {entry.event:20} {resource}  {change}"
    )


def _short(value: msgspec.Raw) -> str:
    text = bytes(value).decode()
    if text == "null":
        return "nothing"
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"
