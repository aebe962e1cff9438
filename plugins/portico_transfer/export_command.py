"""`portico export`: writes everything of an instance, or of one account, to an archive."""

from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from portico.api import AppContext, CommandContext, OperatorError
from portico.api.audit import record_change
from portico.api.cli import progress_bar
from portico.api.db import now, transaction
from portico.api.transfer import ExportScope, TransferKind
from portico_transfer.archive.archive_writer import ArchiveWriter, check_target, open_archive
from portico_transfer.archive.manifest import RECORDS_SUFFIX, VERSION, Manifest, file_name

#: JSON has line ends only between its tokens.
_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


@click.command()
@click.argument("target", metavar="FILE.zip|DIR", type=click.Path(path_type=Path))
@click.option(
    "--user",
    "email",
    metavar="EMAIL",
    help="Export only the account with this e-mail address and what it owns, without secrets, for its user.",
)
@click.option(
    "--with-secrets",
    is_flag=True,
    help="Export settings with secrets, such as keys of connections, in clear. Without it they are left out.",
)
@click.pass_obj
def export(context: CommandContext, target: Path, email: str | None, with_secrets: bool) -> None:
    """Write everything to FILE.zip, or to a new folder DIR, which `portico import archive` reads.

    The server may run meanwhile. An archive of the whole instance has the password hashes of all users, and digests of
    API keys; only its owner may read the file. It is no backup: `portico backup` reads all tables at one moment.
    """
    target = target.absolute()
    if email and with_secrets:
        raise click.UsageError("--with-secrets is for the whole instance; leave out --user.")
    check_target(target)

    async def work(app: AppContext) -> Manifest:
        account = await app.identity.accounts.require_by_email(email) if email else None
        scope = ExportScope(account.id if account else None, with_secrets=with_secrets)
        with open_archive(target) as writer:
            manifest = await _write(app, scope, writer)
        async with transaction():
            new = {"scope": manifest.scope, "with_secrets": with_secrets}
            await record_change("data.exported", "export", scope.account_id or "", new=new)
        return manifest

    manifest = context.run(work)
    for kind, count in manifest.counts.items():
        click.echo(f"{kind:20} {count:>9}")
    click.echo(f"Wrote {target}.")


async def _write(app: AppContext, scope: ExportScope, writer: ArchiveWriter) -> Manifest:
    """Write all kinds, their files and the manifest."""
    kinds = app.transfer_kinds()
    expected = [await kind.count(scope) or 0 for kind in kinds]
    counts: dict[str, int] = {}
    with progress_bar("Exporting", sum(expected)) as bar:
        for kind in kinds:
            with writer.file(kind.name + RECORDS_SUFFIX) as file:
                counts[kind.name] = 0
                async for block in kind.export(scope):
                    for record in block:
                        file.write(record.translate(_LINE_ENDS) + b"\n")
                    counts[kind.name] += len(block)
                    bar.update(len(block))
        for kind in kinds:
            await _write_files(kind, scope, writer)
    manifest = Manifest(
        version=VERSION,
        release=version("portico"),
        created_at=now(),
        scope="instance" if scope.is_whole else "account",
        account=scope.account_id,
        counts=counts,
        digests=writer.digests,
    )
    writer.finish(manifest)
    return manifest


async def _write_files(kind: TransferKind, scope: ExportScope, writer: ArchiveWriter) -> None:
    async for content, blocks in kind.export_files(scope):
        name = file_name(content)
        if name is None:
            raise OperatorError(
                f"A file of the {kind.name} has the id {content!r}, which no archive can have."
            )
        with writer.file(name) as file:
            async for block in blocks:
                file.write(block)
