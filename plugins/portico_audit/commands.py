"""`portico audit …`: who changed what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.audit import AuditEntry, ChainReport
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
from portico_audit.service import AuditQuery, AuditService

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
    """List, export and verify who changed what: accounts, roles, groups, access, settings and policies."""


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

    One entry a line, newest first; `-` = standard output. Without options, the seals of the hash chain follow, so that
    `portico audit verify FILE` can verify the file.
    """

    async def work(_: AppContext) -> Any:
        found = await context.plugin.export(AuditQuery(**filters))
        with file.open() as stream, progress_bar("Exporting", found.count) as bar:
            async for count, lines in found.blocks:
                stream.write(lines)
                bar.update(count)
        return found.entries

    count = context.run(work)
    click.echo(f"{count} {'entry' if count == 1 else 'entries'} written.", err=True)


@audit.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=0),
    default=0,
    help="Begin at this segment, after you have looked into what was found before it.",
)
@click.option(
    "--known-seal",
    metavar="SEGMENT:DIGEST",
    help="A seal that an earlier verification has shown: the log must still have it.",
)
@json_option
@click.pass_obj
def verify(
    context: CommandContext,
    /,
    file: Path | None,
    first: int,
    known_seal: str | None,
    as_json: bool,
) -> None:
    """Verify that no entry was changed, deleted or inserted since it was sealed.

    Verifies the database, or an exported FILE. Exits with 1 if something was tampered with. Keep the newest seal that is
    shown in another place: with --known-seal it also tells whether the whole database was replaced by an older one.
    """
    if file is not None and (first or known_seal):
        raise click.UsageError("--from and --known-seal are for the database, not for a FILE.")

    async def work(_: AppContext) -> ChainReport:
        service: AuditService = context.plugin
        if file is not None:
            return _verify_file(service, file)
        with progress_bar("Verifying", await service.count_sealed(first)) as bar:
            report = await service.verify(first, bar.update)
        if known_seal is not None and not await service.has_seal(known_seal):
            report.findings.append(f"the log does not have the seal {known_seal}")
        return report

    report = context.run(work)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    raise SystemExit(1 if report.findings else 0)


def _print_report(report: ChainReport) -> None:
    for finding in report.findings:
        click.echo(printable(finding), err=True)
    for note in report.notes:
        click.echo(printable(note), err=True)
    click.echo(f"entries         {report.entries}")
    click.echo(
        f"segments        {report.segments}, of {report.removed_segments} the entries were deleted by retention"
    )
    click.echo(f"not sealed yet  {report.unsealed}")
    click.echo(f"newest seal     {report.newest_seal or 'none'}")
    click.echo("TAMPERED WITH" if report.findings else "Nothing was tampered with.")


def _verify_file(service: AuditService, file: Path) -> ChainReport:
    with file.open("rb") as lines, progress_bar("Verifying", file.stat().st_size) as bar:
        return service.verify_file(lines, bar.update)


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
