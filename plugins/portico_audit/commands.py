"""`portico audit …`: who changed what."""

import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import click
import msgspec

from portico.api import (
    UTC_TIME,
    AppContext,
    AuditEntry,
    CommandContext,
    epoch_seconds,
    format_time,
    printable,
)
from portico_audit import service
from portico_audit.service import AuditQuery

#: Characters of what there was and what there is, on one line.
SHOWN = 60


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose entries."""
    for option in reversed(
        [
            click.option("--author", default="", help="An id, an e-mail address, or `system`."),
            click.option("--what", default="", help="What happened, such as `role.changed`."),
            click.option("--kind", default="", help="Of what was changed, such as `account`."),
            click.option("--id", default="", help="Of what was changed."),
            click.option("--since", type=UTC_TIME, callback=epoch_seconds, help="UTC; included."),
            click.option(
                "--until", type=UTC_TIME, callback=epoch_seconds, help="UTC; not included."
            ),
        ]
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Who changed what: roles, groups, grants, permissions and the law."""


@audit.command("list")
@filtered
@click.option("--before", type=int, help="Only entries with a smaller number: older ones.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
@click.pass_obj
def list_entries(key: CommandContext, /, before: int | None, as_json: bool, **filters: Any) -> None:
    """List the newest 100 changes."""
    page = key.run(lambda app: service.page(app, AuditQuery(**filters), before))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(page), indent=2).decode())
        return
    for entry in page.entries:
        click.echo(_line(entry))
    if page.next is not None:
        click.echo(f"Older ones: --before {page.next}", err=True)
    if not page.entries:
        click.echo("Nothing was changed.", err=True)


@audit.command()
@filtered
@click.argument("file", type=click.File("wb", atomic=True))
@click.pass_obj
def export(key: CommandContext, /, file: BinaryIO, **filters: Any) -> None:
    """Write all changes to FILE, as lines of JSON.

    One entry a line, newest first; `-` = standard output.
    """

    async def work(app: AppContext) -> int:
        found = await service.export(app, AuditQuery(**filters))
        with click.progressbar(length=found.count, label="Exporting", file=sys.stderr) as bar:
            async for count, lines in found.blocks:
                file.write(lines)
                bar.update(count)
        return found.count

    count = key.run(work)
    click.echo(f"{count} {'entry' if count == 1 else 'entries'} written.", err=True)


def _line(entry: AuditEntry) -> str:
    author = entry.author_name or entry.author or "system"
    change = f"{_short(entry.was)} → {_short(entry.became)}"
    subject = f"{entry.subject_kind}:{entry.subject_id}"
    return printable(
        f"{entry.number:>6}  {format_time(entry.at)}  {author:20} {entry.what:20} {subject}  {change}"
    )


def _short(value: msgspec.Raw) -> str:
    text = bytes(value).decode()
    if text == "null":
        return "nothing"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
