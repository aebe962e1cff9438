"""`portico db`: information about the database, and encryption of its SQLite file.

Passwords come from the settings, a file or a prompt. Arguments of a command can be read by all users of the machine.
"""

import asyncio
from pathlib import Path
from typing import Any

import click

from portico.cli.check import check
from portico.cli.context import CLIContext
from portico.cli.database_file import require_database
from portico.errors import OperatorError
from portico.terminal.options import json_option
from portico.terminal.text import print_json

DISCARD = click.option(
    "--discard-backup",
    is_flag=True,
    help="Delete the backup of the previous file after the conversion.",
)
ENCRYPTED = "sqlite+sqlcipher"


class AlreadyConverted(OperatorError):
    """The file is already in that state, or does not exist."""


@click.group()
def db() -> None:
    """Show and check the database; encrypt or decrypt its SQLite file.

    `encrypt`, `decrypt` and `rekey` need the server to be stopped.
    """


db.add_command(check)


@db.command()
@DISCARD
@click.pass_obj
def encrypt(context: CLIContext, discard_backup: bool) -> None:
    """Encrypt the SQLite file with DATABASE_PASSWORD, or with a password from a prompt."""
    path = _file(context, encrypted=False)
    _convert(path, None, _password(context, "Password", twice=True), "encrypt", discard_backup)
    click.echo(
        f"Encrypted. Servers need DATABASE_TYPE={ENCRYPTED} and this password from now on, as DATABASE_PASSWORD "
        "or in the file that DATABASE_PASSWORD_FILE names. Without the password the database cannot be read."
    )


@db.command()
@DISCARD
@click.pass_obj
def decrypt(context: CLIContext, discard_backup: bool) -> None:
    """Decrypt the SQLite file, so that it is readable without a password."""
    path = _file(context, encrypted=True)
    _convert(path, _password(context, "Password"), None, "decrypt", discard_backup)
    click.echo("Decrypted. Unset DATABASE_TYPE and DATABASE_PASSWORD before servers start.")


@db.command()
@click.option(
    "--new-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that contains the new password.",
)
@DISCARD
@click.pass_obj
def rekey(context: CLIContext, new_password_file: Path | None, discard_backup: bool) -> None:
    """Encrypt the SQLite file with a new password.

    The new password comes from --new-password-file, PORTICO_DATABASE_NEW_PASSWORD or a prompt.
    """
    from portico.db.address import read_password

    path = _file(context, encrypted=True)
    old = _password(context, "Password")
    new: Any = context.load_settings().settings.database.new_password
    if new_password_file is not None:
        new = read_password(new_password_file)
        if not new:
            raise AlreadyConverted(f"{new_password_file} is empty: a password is needed")
    _convert(path, old, new or _ask("New password", twice=True), "rekey", discard_backup)
    click.echo(
        "The password is changed. Set DATABASE_PASSWORD to the new password before servers start."
    )


@db.command()
@json_option
@click.pass_obj
def info(context: CLIContext, as_json: bool) -> None:
    """Show the engine and address of the database, and whether its schema is up to date."""
    from portico.db.address import SQLiteAddress

    address = require_database(context.load_settings().settings)
    about: dict[str, Any] = {"engine": "PostgreSQL", "address": str(address)}
    if isinstance(address, SQLiteAddress):
        about = _describe_file(address.path.resolve())
    about["schema"] = _schema(context)
    if as_json:
        print_json(about)
        return
    for name, value in about.items():
        for line in value if isinstance(value, list) else [value]:
            click.echo(f"{name:<10} {_line(line)}")


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['file']}  {'encrypted' if value['encrypted'] else 'NOT ENCRYPTED'}"
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _describe_file(path: Path) -> dict[str, Any]:
    from portico.db.sqlite.file_encryption import backups_of, is_encrypted

    return {
        "engine": "SQLite",
        "file": str(path),
        "bytes": path.stat().st_size,
        "encrypted": is_encrypted(path),
        "backup": [{"file": str(f), "encrypted": is_encrypted(f)} for f in backups_of(path)],
    }


def _schema(context: CLIContext) -> str:
    """Return the state of the schema as a sentence. Opens the database and changes nothing in it."""
    from portico.db import schema_status
    from portico.instances import unknown_steps

    application = context.application()

    async def read_status() -> Any:
        await application.database.start()
        try:
            return await schema_status(application.database, application.table_sets)
        finally:
            await application.database.stop()

    status = asyncio.run(read_status())
    if unknown := unknown_steps(status):
        return f"changed by a newer release; this release does not know: {unknown}"
    steps = sum(map(len, status.pending.values()))
    return f"{steps} migrations are pending; run `portico migrate`" if steps else "up to date"


def _file(context: CLIContext, *, encrypted: bool) -> Path:
    """Return the file to convert. Raises: BadDatabase, AlreadyConverted."""
    from portico.db.address import find_file
    from portico.db.sqlite.file_encryption import is_encrypted

    settings = context.load_settings().settings
    path = find_file(settings.database, Path(settings.data_dir).absolute())
    if not path.exists() or not path.stat().st_size:
        raise AlreadyConverted(
            f"{path} does not exist yet: `portico serve` creates it, encrypted if a password is set"
        )
    if is_encrypted(path) is not encrypted:
        raise AlreadyConverted(f"{path} is {'not encrypted' if encrypted else 'already encrypted'}")
    return path


def _password(context: CLIContext, prompt: str, *, twice: bool = False) -> Any:
    """Return the configured password, else ask for one. A Secret."""
    from portico.db.address import database_password

    return database_password(context.load_settings().settings.database) or _ask(prompt, twice=twice)


def _ask(prompt: str, *, twice: bool) -> Any:
    from portico.settings.section import Secret

    return Secret(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def _convert(path: Path, old: Any, new: Any, backup_suffix: str, discard: bool) -> None:
    from portico.db.sqlite.file_encryption import Conversion, convert

    with click.progressbar(length=path.stat().st_size, label=f"Copying {path.name}") as bar:

        def show(size: int) -> None:
            bar.update(max(0, min(size, bar.length or 0) - bar.pos))

        backup = convert(Conversion(path, old, new, backup_suffix), on_bytes=show)
        bar.update((bar.length or 0) - bar.pos)
    if discard:
        backup.unlink()
        click.echo(
            "The previous file is deleted. Its contents may remain on the disk until the space is overwritten."
        )
    elif old is None:
        click.echo(
            f"The previous file is NOT ENCRYPTED and was kept as a backup: {backup}\n"
            "Delete it, and older backups, once you have seen the server run.",
            err=True,
        )
    else:
        click.echo(f"The previous file is kept as a backup, with its old password: {backup}")
