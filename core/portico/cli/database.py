"""`portico db`: what the database is, and whether its file is encrypted.

Passwords come from the settings, from a file or from the keyboard; as an argument everybody on the machine could read them.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from portico.cli.check import check
from portico.cli.context import CommandContext
from portico.errors import OperatorError

DISCARD = click.option(
    "--discard-backup",
    is_flag=True,
    help="Delete the file from before once the new one is in place.",
)
ENCRYPTED = "sqlite+sqlcipher"


class AlreadyConverted(OperatorError):
    """The file is in that state already, or is not there."""


@click.group()
def db() -> None:
    """Look at the database and check it; encrypt, decrypt or rekey its file while no server runs."""


db.add_command(check)


@db.command()
@DISCARD
@click.pass_obj
def encrypt(key: CommandContext, discard_backup: bool) -> None:
    """Encrypt the SQLite file with DATABASE_PASSWORD, or with what is typed."""
    path = _file(key, encrypted=False)
    _convert(path, None, _password(key, "Password", twice=True), "encrypt", discard_backup)
    click.echo(
        f"Encrypted. Servers need DATABASE_TYPE={ENCRYPTED} and this password from now on, as DATABASE_PASSWORD "
        "or in a file that DATABASE_PASSWORD_FILE names. Nobody can read the database without it."
    )


@db.command()
@DISCARD
@click.pass_obj
def decrypt(key: CommandContext, discard_backup: bool) -> None:
    """Make the SQLite file readable without a password."""
    path = _file(key, encrypted=True)
    _convert(path, _password(key, "Password"), None, "decrypt", discard_backup)
    click.echo("Decrypted. Unset DATABASE_TYPE and DATABASE_PASSWORD before servers start.")


@db.command()
@click.option(
    "--new-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the new password.",
)
@DISCARD
@click.pass_obj
def rekey(key: CommandContext, new_password_file: Path | None, discard_backup: bool) -> None:
    """Encrypt the SQLite file with another password.

    The new one is read from the file, from PORTICO_DATABASE_NEW_PASSWORD or from the keyboard.
    """
    from portico.db.address import read_password

    path = _file(key, encrypted=True)
    old = _password(key, "Password")
    new: Any = key.load_settings().settings.database.new_password
    if new_password_file is not None:
        new = read_password(new_password_file)
        if not new:
            raise AlreadyConverted(f"{new_password_file} is empty: a password is needed")
    _convert(path, old, new or _ask("New password", twice=True), "rekey", discard_backup)
    click.echo("Rekeyed. Set DATABASE_PASSWORD to the new password before servers start.")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
@click.pass_obj
def info(key: CommandContext, as_json: bool) -> None:
    """Tell what the database is, where it is, and whether its schema is up to date."""
    from portico.db.address import SQLiteAddress, find_database

    settings = key.load_settings().settings
    address = find_database(settings.database, Path(settings.data_dir).absolute())
    about: dict[str, Any] = {"engine": "PostgreSQL", "address": str(address)}
    if isinstance(address, SQLiteAddress):
        about = _describe_file(address.path.resolve())
    about["schema"] = _schema(key)
    if as_json:
        click.echo(json.dumps(about, indent=2))
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

    if not path.exists():
        return {"engine": "SQLite", "file": str(path), "bytes": 0}
    return {
        "engine": "SQLite",
        "file": str(path),
        "bytes": path.stat().st_size,
        "encrypted": is_encrypted(path),
        "backup": [{"file": str(f), "encrypted": is_encrypted(f)} for f in backups_of(path)],
    }


def _schema(key: CommandContext) -> str:
    """In a sentence. Opens the database, and changes nothing in it."""
    from portico.db import schema_status
    from portico.instances import unknown_steps

    application = key.application()

    async def look() -> Any:
        await application.database.start()
        try:
            return await schema_status(application.database, application.table_sets)
        finally:
            await application.database.stop()

    status = asyncio.run(look())
    if unknown := unknown_steps(status):
        return f"changed by a newer release; this one does not know: {unknown}"
    steps = sum(map(len, status.pending.values()))
    return f"{steps} steps are pending: portico migrate" if steps else "up to date"


def _file(key: CommandContext, *, encrypted: bool) -> Path:
    """The file to convert. Raises: BadDatabase, AlreadyConverted."""
    from portico.db.address import find_file
    from portico.db.sqlite.file_encryption import is_encrypted

    settings = key.load_settings().settings
    path = find_file(settings.database, Path(settings.data_dir).absolute())
    if not path.exists() or not path.stat().st_size:
        raise AlreadyConverted(
            f"{path} is not there yet: `portico serve` makes it, encrypted if a password is set"
        )
    if is_encrypted(path) is not encrypted:
        raise AlreadyConverted(f"{path} is {'not encrypted' if encrypted else 'encrypted already'}")
    return path


def _password(key: CommandContext, prompt: str, *, twice: bool = False) -> Any:
    """The one that is configured, else what is typed. A Secret."""
    from portico.db.address import database_password

    return database_password(key.load_settings().settings.database) or _ask(prompt, twice=twice)


def _ask(prompt: str, *, twice: bool) -> Any:
    from portico.settings.section import Secret

    return Secret(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def _convert(path: Path, old: Any, new: Any, word: str, discard: bool) -> None:
    from portico.db.sqlite.file_encryption import Conversion, convert

    with click.progressbar(length=path.stat().st_size, label=f"Copying {path.name}") as bar:

        def show(size: int) -> None:
            bar.update(max(0, min(size, bar.length or 0) - bar.pos))

        backup = convert(Conversion(path, old, new, word), on_bytes=show)
        bar.update((bar.length or 0) - bar.pos)
    if discard:
        backup.unlink()
        click.echo(
            "The file from before is deleted. What it held may still be on the disk until that is written over."
        )
    elif old is None:
        click.echo(
            f"The file from before is NOT ENCRYPTED and still there: {backup}\n"
            "Delete it, and other backups of that time, as soon as you have seen the server run.",
            err=True,
        )
    else:
        click.echo(f"The file from before is kept, under its old password: {backup}")
