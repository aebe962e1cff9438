"""`portico secret`: which keys are configured and in use, replacing them, and re-encrypting stored values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portico.cli.context import CLIContext
from portico.errors import OperatorError
from portico.settings.section import Secret
from portico.terminal.options import renamed_option

if TYPE_CHECKING:
    from portico.boot import Application


class WouldLoseData(OperatorError):
    """With the configured keys, some encrypted values could not be decrypted any more."""


@click.group()
@renamed_option("--adopt", "portico secret replace", is_flag=True)
@renamed_option("--lose", "portico secret replace --accept-data-loss", is_flag=True)
def secret() -> None:
    """Show, replace and rotate the secret key and the encryption key.

    A server refuses to start when the configured secret key is not the one in use.
    """


@secret.command()
@click.pass_obj
def show(context: CLIContext) -> None:
    """Show the fingerprints of both keys, configured and in use, and which key encrypts how many values."""
    application = context.application()

    async def work(_: Any) -> _KeysInUse:
        return await _keys_in_use(application)

    _print_keys(context, context.run(work))


@secret.command()
@click.option(
    "--accept-data-loss",
    is_flag=True,
    help="Accept that values encrypted with a key that is not configured are lost.",
)
@renamed_option("--lose", "--accept-data-loss", is_flag=True)
@click.pass_obj
def replace(context: CLIContext, accept_data_loss: bool) -> None:
    """Use the configured keys for this database from now on. All users have to sign in again."""
    from portico.audit import record_change, renew_end_signature
    from portico.db import transaction
    from portico.encryption import replace_encryption_key
    from portico.identity.secret_key_check import replace_secret_key

    application, configured = context.application(), _configured_secret(context)

    async def work(_: Any) -> _KeysInUse:
        before = await _keys_in_use(application)
        if not accept_data_loss:
            readable = application.encryptor.can_read
            _check_loss([one for one in before.usage if not readable(one.key_id)])
        async with transaction():
            await replace_secret_key(configured)
            await replace_encryption_key(application.encryptor)
            await renew_end_signature(application.encryptor)
            after = await _keys_in_use(application)
            old, new = [before.secret, before.encryption], [after.secret, after.encryption]
            if old != new:
                await record_change("secret_key.replaced", "secret_key", "", old, new)
        return after

    _print_keys(context, context.run(work))
    click.echo("The configured keys are in use now. All users have to sign in again.")


@dataclass(frozen=True)
class _KeysInUse:
    """Fingerprint and id of the keys in use, None in a new database, and how many values each key encrypts."""

    secret: str | None
    encryption: str | None
    usage: Sequence[Any]


async def _keys_in_use(application: "Application") -> _KeysInUse:
    from portico.encryption import key_usage, stored_key_id
    from portico.identity.secret_key_check import stored_fingerprint

    usage = await key_usage(application.encrypted_columns)
    return _KeysInUse(await stored_fingerprint(), await stored_key_id(), usage)


def _configured_secret(context: CLIContext) -> Secret:
    from portico.settings.secret_key import ensure_secret_key

    settings = context.load_settings().settings
    return ensure_secret_key(settings, Path(settings.data_dir).absolute())


def _print_keys(context: CLIContext, keys: _KeysInUse) -> None:
    from portico.settings.secret_key import secret_fingerprint

    encryptor = context.application().encryptor
    click.echo(f"secret key configured      {secret_fingerprint(_configured_secret(context))}")
    click.echo(f"secret key in use          {keys.secret or 'none yet'}")
    click.echo(f"encryption key configured  {encryptor.current_id}")
    click.echo(f"encryption key in use      {keys.encryption or 'none yet'}")
    _print_usage(encryptor, keys.usage)


@secret.command()
@click.pass_obj
def rotate(context: CLIContext) -> None:
    """Re-encrypt values that are encrypted with an earlier key.

    The server may run meanwhile.
    """
    from portico.audit import record_change
    from portico.encryption import Rotation, check_encryption_key, key_usage
    from portico.encryption import rotate as rotate_keys

    application = context.application()
    encryptor, columns = application.encryptor, application.encrypted_columns

    async def work(_: Any) -> Rotation:
        await check_encryption_key(encryptor)
        old = sum(
            one.count for one in await key_usage(columns) if one.key_id != encryptor.current_id
        )
        with click.progressbar(length=old or 1, label="Re-encrypting") as bar:
            done = await rotate_keys(encryptor, columns, bar.update)
            bar.update(bar.length or 1)
        if done.reencrypted:
            await record_change(
                "encryption_key.rotated",
                "encryption_key",
                encryptor.current_id,
                None,
                {"texts": done.reencrypted},
            )
        return done

    done: Rotation = context.run(work)
    click.echo(f"{done.reencrypted} values re-encrypted with {encryptor.current_id}.")
    _print_inactive_plugins(application)
    for column, count in done.undecryptable.items():
        click.echo(
            f"{column}: {count} values cannot be decrypted with the configured keys and stay as they are",
            err=True,
        )
    raise SystemExit(1 if done.undecryptable else 0)


def _check_loss(lost: Sequence[Any]) -> None:
    if lost:
        reasons = [f"{one.column}: {one.count} with {one.key_id or 'no key'}" for one in lost]
        raise WouldLoseData(
            "\n".join(
                [
                    "values encrypted with a key that is not configured would be lost:",
                    *reasons,
                    "Add the earlier key to PORTICO_PREVIOUS_SECRET_KEYS (or PORTICO_ENCRYPTION_KEYS), "
                    "or add --accept-data-loss to give these values up.",
                ]
            )
        )


def _print_usage(encryptor: Any, usage: Sequence[Any]) -> None:
    """Print how many values are encrypted with which key."""
    counts = Counter[str]()
    for one in usage:
        counts[one.key_id] += one.count
    for key_id, count in counts.most_common():
        if key_id == encryptor.current_id:
            state = "in use"
        else:
            state = "can be decrypted" if encryptor.can_read(key_id) else "cannot be decrypted"
        click.echo(f"encrypted values           {key_id or 'with no key':<16}  {count:>7}  {state}")


def _print_inactive_plugins(application: "Application") -> None:
    """Print the plugins that are not active: their encrypted values are not re-encrypted."""
    if absent := [record.name for record in application.registry if record.state != "active"]:
        click.echo(f"Skipped, because they are not active: {', '.join(sorted(absent))}")
