"""`portico secret`: which keys are configured and in use, changing them, and locking anew what is locked."""

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
    """Adopting the configured keys would leave locked texts that nobody can read."""


@click.group(invoke_without_command=True)
@click.option(
    "--adopt", is_flag=True, help="Use the database with the configured keys from now on."
)
@click.option("--lose", is_flag=True, help="Adopt them although something is lost by it.")
@click.pass_context
def secret(context: click.Context, adopt: bool, lose: bool) -> None:
    """Show which keys are configured and which the database is used with, by fingerprint."""
    if context.invoked_subcommand:
        return
    from portico.audit import record_change
    from portico.db import transaction
    from portico.encryption import key_usage, replace_encryption_key, stored_key_id
    from portico.identity.secret_key_check import replace_secret_key, stored_fingerprint
    from portico.settings.secret_key import ensure_secret_key, secret_fingerprint

    key: CommandContext = context.obj
    settings = key.load_settings().settings
    configured = ensure_secret_key(settings, Path(settings.data_dir).absolute())
    application = key.application()
    vault = application.encryptor

    async def work(_: Any) -> tuple[str | None, str | None, Sequence[Any]]:
        held = await key_usage(application.encrypted_columns)
        if adopt:
            if not lose:
                _check_loss([h for h in held if not vault.can_read(h.key_id)])
            async with transaction():
                was = await stored_fingerprint(), await stored_key_id()
                await replace_secret_key(configured)
                await replace_encryption_key(vault)
                became = await stored_fingerprint(), await stored_key_id()
                if was != became:
                    await record_change("secret.adopted", "secret", "", list(was), list(became))
        return await stored_fingerprint(), await stored_key_id(), held

    signs, locks, held = key.run(work)
    click.echo(f"configured  {secret_fingerprint(configured)}")
    click.echo(f"in use      {signs or 'none yet'}")
    click.echo(f"locks with  {vault.current_id}")
    click.echo(f"in use      {locks or 'none yet'}")
    _print_usage(vault, held)
    if adopt:
        click.echo("Adopted. Whoever was signed in has to sign in again.")


@secret.command()
@click.pass_obj
def rotate(key: CommandContext) -> None:
    """Lock everything anew that is not locked with the key in use now; the server may go on meanwhile."""
    from portico.audit import record_change
    from portico.encryption import Rotation, key_usage
    from portico.encryption import check_encryption_key as claim
    from portico.encryption import rotate as run

    application = key.application()
    vault, columns = application.encryptor, application.encrypted_columns

    async def work(_: Any) -> Rotation:
        await claim(vault)
        old = sum(h.count for h in await key_usage(columns) if h.key_id != vault.current_id)
        with click.progressbar(length=old or 1, label="Locking anew") as bar:
            done = await run(vault, columns, bar.update)
            bar.update(bar.length or 1)
        if done.reencrypted:
            await record_change(
                "secret.rotated", "secret", vault.current_id, None, {"texts": done.reencrypted}
            )
        return done

    done: Rotation = key.run(work)
    click.echo(f"{done.reencrypted} locked anew with {vault.current_id}.")
    _print_inactive_plugins(application)
    for column, count in done.undecryptable.items():
        click.echo(
            f"{column}: {count} cannot be read with the configured keys and stay as they are",
            err=True,
        )
    raise SystemExit(1 if done.undecryptable else 0)


def _check_loss(lost: Sequence[Any]) -> None:
    if lost:
        reasons = [f"{h.column}: {h.count} under {h.key_id or 'no key at all'}" for h in lost]
        raise WouldLoseData(
            "\n".join(
                [
                    "what is locked with a key that is not configured would be lost:",
                    *reasons,
                    "Name the key from before in PORTICO_PREVIOUS_SECRET_KEYS (or PORTICO_ENCRYPTION_KEYS); "
                    "to give it up, add --lose.",
                ]
            )
        )


def _print_usage(vault: Any, held: Sequence[Any]) -> None:
    """How many texts are under which key."""
    under = Counter[str]()
    for holding in held:
        under[holding.key_id] += holding.count
    for key_id, count in under.most_common():
        if key_id == vault.current_id:
            state = "in use"
        else:
            state = "can be read" if vault.can_read(key_id) else "cannot be read"
        click.echo(f"locked      {key_id or 'with no key':<16}  {count:>7}  {state}")


def _print_inactive_plugins(application: "Application") -> None:
    """What a plugin that is not active keeps is not looked at."""
    if absent := [record.name for record in application.registry if record.state != "active"]:
        click.echo(f"Not looked at, since they are not active: {', '.join(sorted(absent))}")
