"""`portico secret`: which keys are configured and in use, replacing them, and re-encrypting stored values."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portico.cli.context import CommandContext
from portico.errors import OperatorError

if TYPE_CHECKING:
    from portico.boot import Application


class WouldLoseData(OperatorError):
    """With the configured keys, some encrypted values could not be decrypted any more."""


@click.group(invoke_without_command=True)
@click.option(
    "--adopt",
    is_flag=True,
    help="Use the configured keys for this database from now on. All users have to sign in again.",
)
@click.option(
    "--lose",
    is_flag=True,
    help="With --adopt: accept that values encrypted with a missing key are lost.",
)
@click.pass_context
def secret(click_context: click.Context, adopt: bool, lose: bool) -> None:
    """Show the fingerprints of the secret key and the encryption key, configured and in use.

    A server refuses to start when the configured secret key is not the one in use.
    """
    if click_context.invoked_subcommand:
        return
    from portico.audit import record_change
    from portico.db import transaction
    from portico.encryption import key_usage, replace_encryption_key, stored_key_id
    from portico.identity.secret_key_check import replace_secret_key, stored_fingerprint
    from portico.settings.secret_key import ensure_secret_key, secret_fingerprint

    context: CommandContext = click_context.obj
    settings = context.load_settings().settings
    configured = ensure_secret_key(settings, Path(settings.data_dir).absolute())
    application = context.application()
    encryptor = application.encryptor

    async def work(_: Any) -> tuple[str | None, str | None, Sequence[Any]]:
        usage = await key_usage(application.encrypted_columns)
        if adopt:
            if not lose:
                _check_loss([one for one in usage if not encryptor.can_read(one.key_id)])
            async with transaction():
                old = await stored_fingerprint(), await stored_key_id()
                await replace_secret_key(configured)
                await replace_encryption_key(encryptor)
                new = await stored_fingerprint(), await stored_key_id()
                if old != new:
                    await record_change(
                        "secret_key.replaced", "secret_key", "", list(old), list(new)
                    )
        return await stored_fingerprint(), await stored_key_id(), usage

    secret_in_use, key_in_use, usage = context.run(work)
    click.echo(f"secret key configured      {secret_fingerprint(configured)}")
    click.echo(f"secret key in use          {secret_in_use or 'none yet'}")
    click.echo(f"encryption key configured  {encryptor.current_id}")
    click.echo(f"encryption key in use      {key_in_use or 'none yet'}")
    _print_usage(encryptor, usage)
    if adopt:
        click.echo("The configured keys are in use now. All users have to sign in again.")


@secret.command()
@click.pass_obj
def rotate(context: CommandContext) -> None:
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
                    "or add --lose to give these values up.",
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
