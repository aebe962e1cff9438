"""`portico chat …`: export, import and rebuilding the search index."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

import click

from portico.api import AppContext, CommandContext
from portico.api.audit import record_change
from portico.api.cli import (
    Output,
    OutputFile,
    json_option,
    print_json,
    progress_bar,
    renamed_command,
)
from portico.api.interfaces import FolderLookup
from portico.api.json import json_array_stream
from portico_chats.schemas import ExportedChat
from portico_chats.search import indexer
from portico_chats.transfer import exporter
from portico_chats.transfer.batches import BatchedImport
from portico_chats.transfer.importer import ChatImport
from portico_chats.transfer.reports import ChatImportReport


@click.group()
def chat() -> None:
    """Export and import chats; rebuild the search index."""


former_chats = renamed_command("chats", "portico chat")


@chat.command()
@click.argument("target", metavar="[FILE]", type=OutputFile(), default="-")
@click.option("--user", "email", metavar="EMAIL", help="Export the chats of this account.")
@click.option("--all", "is_all", is_flag=True, help="Export the chats of all accounts.")
@click.pass_obj
def export(context: CommandContext, target: Output, email: str | None, is_all: bool) -> None:
    """Export chats as JSON to FILE.

    Without FILE, or with -, they are written to standard output. The export contains the names of their folders.
    """
    if is_all == (email is not None):
        raise click.UsageError("Name the owner with --user EMAIL, or use --all.")

    async def work(app: AppContext) -> None:
        owner_id = (await app.identity.accounts.require_by_email(email)).id if email else None
        if owner_id is None:
            await record_change("chat.all_exported", "chat", "")
        else:
            await record_change("chat.exported", "account", owner_id)
        with (
            target.open() as file,
            progress_bar("Exporting", await exporter.count(owner_id)) as bar,
        ):

            async def counted() -> AsyncIterator[list[ExportedChat]]:
                async for block in exporter.blocks(owner_id, app.services.get(FolderLookup)):
                    yield block
                    bar.update(len(block))

            async for part in json_array_stream(counted()):
                file.write(part)
            file.write(b"\n")

    context.run(work)


@chat.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option(
    "--user",
    "email",
    metavar="EMAIL",
    required=True,
    help="Account that the chats are imported to.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; report what would be imported.")
@json_option
@click.pass_obj
def import_(
    context: CommandContext, source: BinaryIO, email: str, dry_run: bool, as_json: bool
) -> None:
    """Import the chats of FILE (- = standard input).

    All chats are checked first: if one is invalid, nothing is imported. Then they are written in short steps,
    between which a running server continues. Chats that an earlier run of the same file has imported stay as they
    are.
    """
    with _rewindable(source) as file:
        size = file.seek(0, 2)
        file.seek(0)
        batches: list[BatchedImport] = []
        with progress_bar("Checking" if dry_run else "Importing", 2 * size) as bar:

            async def work(app: AppContext) -> ChatImportReport:
                owner = await app.identity.accounts.require_by_email(email)
                chat_import = ChatImport(
                    app, context.plugin.creator, owner.id, file, unbounded=True, on_step=bar.update
                )
                if dry_run:
                    return await chat_import.dry_run()
                batches.append(BatchedImport(chat_import))
                await record_change("chat.imported", "account", owner.id)
                with _cancelled_by_sigterm():
                    return await batches[0].run()

            try:
                report = context.run(work)
            except BaseException as error:
                if batches and batches[0].found:
                    _print_stopped(batches[0])
                if isinstance(error, asyncio.CancelledError):
                    raise SystemExit(128 + signal.SIGTERM) from None
                raise
    _print_report(report, as_json, already=batches[0].already_imported if batches else 0)
    if report.rejected:
        raise SystemExit(1)


@chat.command()
@click.pass_obj
def reindex(context: CommandContext) -> None:
    """Rebuild the search index. Searches stay correct while it runs, but are slower."""

    async def work(_: AppContext) -> int:
        with progress_bar("Indexing", 0) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            return await indexer.reindex(show)

    click.echo(f"texts      {context.run(work)}")


@contextlib.contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let SIGTERM cancel the running task, as Ctrl-C does."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    try:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    except (NotImplementedError, RuntimeError):  # not on Windows, and in the main thread only
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _rewindable(source: BinaryIO) -> BinaryIO:
    """Return the file itself, or a temporary copy of what comes through a pipe: it is read twice."""
    if source.seekable():
        return source
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    shutil.copyfileobj(source, copy)
    return copy


def _print_stopped(batches: BatchedImport) -> None:
    """Print how much is done when the import stops before the end."""
    click.echo(
        f"\nStopped: {len(batches.report.chats) + batches.already_imported} of {batches.found} chats are imported. "
        "Run the same command again to import the rest; nothing is imported twice.",
        err=True,
    )


def _print_report(report: ChatImportReport, as_json: bool, *, already: int) -> None:
    if as_json:
        print_json(report)
        return
    messages = sum(one.messages for one in report.chats)
    counts = [
        ("chats", len(report.chats)),
        ("messages", messages),
        ("rejected", len(report.rejected)),
    ]
    if already:
        counts.append(("skipped", already))
    for name, count in counts:
        click.echo(f"{name:<9}  {count}")
    for imported in report.chats:
        if imported.note:
            click.echo(f"chats[{imported.index}]: {imported.note}", err=True)
    for one in report.rejected:
        click.echo(f"chats[{one.index}]: {one.reason}", err=True)
