"""`portico backup`: make, verify, list and restore backups."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from portico.cli.context import CLIContext
from portico.cli.database_file import require_database
from portico.terminal.options import json_option
from portico.terminal.text import format_time, print_json, progress_bar

if TYPE_CHECKING:
    from portico.backup.installation import Installation
    from portico.backup.opened_backup import OpenedBackup
    from portico.boot import Application

T = TypeVar("T")
DEFAULT = "create"

TARGET = click.argument("target")
PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the passphrase of the backup.",
)
BACKUP_ID = click.option(
    "--id",
    "backup_id",
    default="",
    help="Which backup of a directory or bucket. Default: the newest.",
)


class BackupGroup(click.Group):
    """A group whose first argument, if it is none of its commands, is the target of a new backup."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `create` before a target."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=BackupGroup, subcommand_metavar="TARGET | COMMAND [ARGS]...")
def backup() -> None:
    """Make, verify, list and restore backups.

    `portico backup TARGET` makes one: of the database, the contents of files, and the policy files, while the server runs.
    TARGET is a file, a directory (one that exists, or ends with /) or s3://bucket/prefix. A directory and a bucket keep
    many backups and store each content once. `portico backup --help` lists the commands, `portico backup create --help` the
    options. Name a directory that is called like a command with ./ in front.
    """


@backup.command()
@TARGET
@click.option("--encrypt", is_flag=True, help="Encrypt the backup with a passphrase.")
@PASSPHRASE
@click.option(
    "--include-keys",
    is_flag=True,
    help="Also store the secret key and the encryption keys. Needs --encrypt.",
)
@click.option(
    "--keep",
    type=click.IntRange(1),
    help="Delete all but so many backups of a directory or bucket afterwards.",
)
@json_option
@click.pass_obj
def create(
    context: CLIContext,
    /,
    *,
    target: str,
    encrypt: bool,
    passphrase_file: Path | None,
    include_keys: bool,
    keep: int | None,
    as_json: bool,
) -> None:
    """Make a backup. The server may run meanwhile.

    It has the database as it is at one moment between begin and end, the contents of all files of that moment, and the
    policy files. portico.toml, environment variables and keys are not in it; it has fingerprints of the keys.
    """
    from portico.backup.creation import BackupOptions, create_backup
    from portico.backup.pruning import prune
    from portico.backup.targets import open_target

    if encrypt is not (passphrase_file is not None):
        raise click.UsageError(
            "--encrypt and --passphrase-file belong together: give both or none."
        )
    options = BackupOptions(_passphrase(passphrase_file), include_keys)
    settings = context.load_settings().settings
    require_database(settings)
    storage = open_target(target, settings.backup, must_exist=False)
    if keep and not storage.is_shared:
        raise click.UsageError("--keep is for directories and buckets: a file is one backup.")
    application = context.application()

    async def work(progress: Any) -> Any:
        await application.database.start()
        with application.database.use():
            manifest = await create_backup(installation(application), storage, options, progress)
            if keep:
                await asyncio.to_thread(prune, storage, keep, options.passphrase)
            return manifest

    manifest = _run(application, storage, work)
    if as_json:
        print_json(_about(manifest))
    else:
        _print_summary("Backed up", manifest)


@backup.command()
@TARGET
@PASSPHRASE
@BACKUP_ID
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory for the scratch database. Default: the data directory.",
)
@json_option
@click.pass_obj
def verify(
    context: CLIContext,
    /,
    *,
    target: str,
    passphrase_file: Path | None,
    backup_id: str,
    scratch: Path | None,
    as_json: bool,
) -> None:
    """Read every byte of a backup, restore its database into a scratch place, and compare.

    An SQLite file is restored beside the database and opened. A backup of PostgreSQL is restored into a schema of its own,
    in a transaction that is rolled back, if DATABASE_URL names a PostgreSQL server; else its rows are only read and counted.
    Verify only backups that you trust: they have statements that create tables. Exits with 1 if anything is wrong.
    """
    from portico.backup.verification import verify_backup

    with contextlib.closing(_source(context, target)) as storage:
        application = context.application()

        async def work(progress: Any) -> Any:
            opened = await _opened(storage, passphrase_file, backup_id)
            place = installation(application)
            return opened.manifest, await verify_backup(opened, place, scratch, progress)

        manifest, is_restored = _run(application, storage, work)
    if as_json:
        print_json(_about(manifest) | {"is_restored": is_restored})
        return
    _print_summary("Verified", manifest)
    if not is_restored:
        click.echo(
            "The rows were read and counted, and not restored: DATABASE_URL names no PostgreSQL server."
        )


@backup.command()
@TARGET
@PASSPHRASE
@BACKUP_ID
@click.option("--overwrite", is_flag=True, help="Replace a database that exists; it is kept.")
@click.option("--keep-sessions", is_flag=True, help="Leave users signed in that were so then.")
@click.option(
    "--ignore-keys",
    is_flag=True,
    help="Restore although the configured keys do not fit; encrypted values are lost.",
)
@click.pass_obj
def restore(
    context: CLIContext,
    /,
    *,
    target: str,
    passphrase_file: Path | None,
    backup_id: str,
    **options: bool,
) -> None:
    """Restore a backup into the database and the file store of the settings. Stop all servers and workers first.

    The database is replaced in one step at the end. If the command is ended before, the former one is still in place: run it
    again. The former SQLite file stays beside the restored one (its name has `before-restore`), the former tables of
    PostgreSQL in a schema `portico_before_restore_…`. All users have to sign in again.
    """
    from portico.backup.restoration import RestoreOptions, restore_backup

    with contextlib.closing(_source(context, target)) as storage:
        application = context.application()

        async def work(progress: Any) -> Any:
            opened = await _opened(storage, passphrase_file, backup_id)
            place = installation(application)
            report = await restore_backup(opened, place, RestoreOptions(**options), progress)
            await _clear_task_queue(application)
            return opened.manifest, report

        manifest, report = _run(application, storage, work)
    _print_summary("Restored", manifest)
    if report.former:
        click.echo(f"The former database is kept as {report.former}")
    for note in report.notes:
        click.echo(note)


@backup.command("list")
@TARGET
@PASSPHRASE
@json_option
@click.pass_obj
def list_backups(
    context: CLIContext, /, *, target: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """List the complete backups in a target, oldest first."""

    async def work() -> list[Any]:
        ids = await asyncio.to_thread(storage.backup_ids)
        return [(await _opened(storage, passphrase_file, one)).manifest for one in ids]

    with contextlib.closing(_source(context, target)) as storage:
        found = asyncio.run(work())
    if as_json:
        print_json([_about(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.id}  {format_time(one.begun_at)} UTC  {_sizes(one)}")


class TerminalProgress:
    """Shows the stages of a backup as progress bars on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None

    def stage(self, label: str, total: int = 0) -> None:
        """Begin a bar (part of `Progress`)."""
        self.close()
        self._bar = progress_bar(label, max(1, total)) if total else None
        if self._bar is not None:
            self._bar.__enter__()

    def advance(self, size: int) -> None:
        """Fill the bar (part of `Progress`)."""
        if self._bar is not None:
            self._bar.update(min(size, (self._bar.length or 0) - self._bar.pos))

    def note(self, sentence: str) -> None:
        """Print a sentence (part of `Progress`)."""
        click.echo(f"note: {sentence}", err=True)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.update((self._bar.length or 0) - self._bar.pos)
            self._bar.__exit__(None, None, None)
            self._bar = None


def installation(application: "Application") -> "Installation":
    """Return what `application` has. Nothing of it is opened."""
    from portico.backup.installation import Installation

    contents = {
        f"{contribution.plugin_name}:{one.name}": one
        for contribution in application.contributions
        for one in contribution.stored_contents
    }
    return Installation(
        application.settings, application.database, application.table_sets, contents
    )


def _run(
    application: "Application", storage: Any, work: Callable[[TerminalProgress], Awaitable[T]]
) -> T:
    """Run `work`, then close what it has opened."""

    async def inside() -> T:
        progress = TerminalProgress()
        try:
            return await work(progress)
        finally:
            progress.close()
            await asyncio.to_thread(storage.close)
            for one in installation(application).contents.values():
                await one.store.close()
            await application.stop()

    return asyncio.run(inside())


def _source(context: CLIContext, target: str) -> Any:
    from portico.backup.targets import open_target

    return open_target(target, context.load_settings().settings.backup, must_exist=True)


async def _opened(storage: Any, passphrase_file: Path | None, backup_id: str) -> "OpenedBackup":
    from portico.backup.opened_backup import open_backup

    return await open_backup(storage, _passphrase(passphrase_file), backup_id)


def _passphrase(file: Path | None) -> bytes | None:
    from portico.backup.passphrase import read_passphrase

    return None if file is None else read_passphrase(file)


async def _clear_task_queue(application: "Application") -> None:
    """Delete the entries of the task queue in Redis, whose tasks may be others now. Tasks that wait are found by their rows."""
    from portico.redis import RedisUnavailable

    redis, queue = application.redis, application.task_queue
    if queue.is_possible:
        with contextlib.suppress(RedisUnavailable):
            await redis.run(lambda client: client.delete(queue.name))


def _about(manifest: Any) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "begun_at": manifest.begun_at,
        "ended_at": manifest.ended_at,
        "release": manifest.release,
        "database": manifest.dialect,
        "tables": {one.name: one.rows for one in manifest.tables},
        "contents": {
            one.name: {"number": one.number, "bytes": one.bytes} for one in manifest.summaries
        },
        "has_keys": manifest.secrets is not None,
    }


def _print_summary(verb: str, manifest: Any) -> None:
    click.echo(
        f"{verb}: {manifest.id} of {format_time(manifest.begun_at)} UTC, {_sizes(manifest)}."
    )


def _sizes(manifest: Any) -> str:
    rows = sum(one.rows for one in manifest.tables)
    files = sum(one.number for one in manifest.summaries)
    size = sum(one.bytes for one in manifest.summaries)
    return f"{rows} rows, {files} files of {size / 2**20:.1f} MiB"
