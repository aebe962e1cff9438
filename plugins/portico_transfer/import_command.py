"""`portico import FORMAT SOURCE`: one subcommand for each format that a plugin registers."""

from contextlib import ExitStack
from typing import Any, Final

import click

from portico.api import AppContext, CommandContext
from portico.api.cli import Output, OutputFile, printable, progress_bar
from portico.api.db import fetch_one
from portico.api.transfer import ImportChoices, ImportFormat, ImportRun, RunNote
from portico_transfer.import_engine import ImportEngine
from portico_transfer.import_report import ImportReport

_ADMIN: Final = "SELECT 1 FROM portico_account WHERE role = 'admin' LIMIT 1"
_COMMON_HELP: Final = """
Ids are kept, so the same command again imports nothing twice, and continues one that was ended. The server may run
meanwhile. An account whose e-mail address another account here has is skipped with what it owns, unless --link-accounts.
A setting that is set here stays.

No account becomes an administrator: imported administrators become users, also in an empty database, unless
--keep-admins. To move an own instance, or restore it from its archive, give --keep-admins; otherwise choose an
administrator afterwards: `portico user set-role EMAIL admin`.

What is imported decides who may sign in as whom: import only what you trust.
"""


def import_group(app: AppContext) -> click.Group:
    """Return `portico import` with the formats of all active plugins."""
    group = click.Group(
        "import", help="Import accounts, chats and all else from another instance or server."
    )
    for one in app.import_formats():
        group.add_command(_command(one))
    return group


def _command(one: ImportFormat) -> click.Command:
    """Return the subcommand of a format."""

    @click.pass_obj
    def run(context: CommandContext, /, **options: Any) -> None:
        _run(context, one, options)

    own = [
        click.Argument(["source"], metavar=one.source_metavar),
        *one.options,
        click.Option(
            ["--dry-run"], is_flag=True, help="Report what would be imported, but write nothing."
        ),
        click.Option(
            ["--report"],
            type=OutputFile(),
            metavar="FILE",
            help="Write what became of each record to FILE, as lines of JSON.",
        ),
        click.Option(
            ["--link-accounts"],
            is_flag=True,
            help="Take an account, or a group, of the source for the one here with the same e-mail address, or name.",
        ),
        click.Option(
            ["--keep-admins"],
            is_flag=True,
            help="Let imported administrators stay administrators, and take the keys of administrators.",
        ),
    ]
    text = "\n\n".join(filter(None, [one.summary, one.help, _COMMON_HELP.strip()]))
    return click.Command(one.name, params=own, callback=run, help=text)


def _run(context: CommandContext, one: ImportFormat, options: dict[str, Any]) -> None:
    source_name: str = options.pop("source")
    dry_run: bool = options.pop("dry_run")
    target: Output | None = options.pop("report")
    choices = ImportChoices(
        link_accounts=options.pop("link_accounts"), keep_admins=options.pop("keep_admins")
    )
    notes: list[RunNote] = []
    with ExitStack() as files:
        report = ImportReport(files.enter_context(target.open()) if target else None)

        async def work(app: AppContext) -> bool:
            async with one.open(source_name, options) as source:
                click.echo(f"Found {printable(source.describe())}.", err=True)
                run = ImportRun(source.files, dry_run=dry_run, choices=choices)
                total = sum((await source.counts()).values())
                engine = ImportEngine(app, source, run, report)
                with progress_bar("Checking" if dry_run else "Importing", total) as bar:
                    notes.extend(await engine.import_all(one.name, bar.update))
            return await fetch_one(_ADMIN) is not None

        has_admin = context.run(work, claims_keys=not dry_run)
        report.finish(notes)
    report.print_table(notes)
    if dry_run:
        click.echo("Nothing was written: this was a dry run.")
    elif not has_admin:
        click.echo("There is no administrator. `portico user set-role EMAIL admin` makes one.")
    if report.has_rejected:
        raise SystemExit(1)
