"""`portico secret`: which keys are configured and in use, changing them, and locking anew what is locked."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from portico.cli.key import Key
from portico.errors import OperatorError


class WouldLose(OperatorError):
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
    from portico.audit import record
    from portico.db import transaction
    from portico.identity.secret import adopt_secret, stored_fingerprint
    from portico.settings.secret_key import ensure_secret_key, secret_fingerprint
    from portico.vault import adopt_vault, holdings, key_in_use

    key: Key = context.obj
    settings = key.loaded().settings
    configured = ensure_secret_key(settings, Path(settings.data_dir).absolute())
    portico = key.portico()
    vault = portico.vault

    async def work(_: Any) -> tuple[str | None, str | None, Sequence[Any]]:
        held = await holdings(portico.locked_columns)
        if adopt:
            if not lose:
                _refuse_loss([h for h in held if not vault.can_read(h.key_id)])
            async with transaction():
                was = await stored_fingerprint(), await key_in_use()
                await adopt_secret(configured)
                await adopt_vault(vault)
                became = await stored_fingerprint(), await key_in_use()
                if was != became:
                    await record("secret.adopted", "secret", "", list(was), list(became))
        return await stored_fingerprint(), await key_in_use(), held

    signs, locks, held = key.run(work)
    click.echo(f"configured  {secret_fingerprint(configured)}")
    click.echo(f"in use      {signs or 'none yet'}")
    click.echo(f"locks with  {vault.current_id}")
    click.echo(f"in use      {locks or 'none yet'}")
    _list(vault, held)
    if adopt:
        click.echo("Adopted. Whoever was signed in has to sign in again.")


@secret.command()
@click.pass_obj
def rotate(key: Key) -> None:
    """Lock everything anew that is not locked with the key in use now; the server may go on meanwhile."""
    from portico.audit import record
    from portico.vault import Rotation, holdings
    from portico.vault import claim_vault as claim
    from portico.vault import rotate as run

    portico = key.portico()
    vault, columns = portico.vault, portico.locked_columns

    async def work(_: Any) -> Rotation:
        await claim(vault)
        old = sum(h.count for h in await holdings(columns) if h.key_id != vault.current_id)
        with click.progressbar(length=old or 1, label="Locking anew") as bar:
            done = await run(vault, columns, bar.update)
            bar.update(bar.length or 1)
        if done.relocked:
            await record(
                "secret.rotated", "secret", vault.current_id, None, {"texts": done.relocked}
            )
        return done

    done: Rotation = key.run(work)
    click.echo(f"{done.relocked} locked anew with {vault.current_id}.")
    _name_absent(portico)
    for column, count in done.unreadable.items():
        click.echo(
            f"{column}: {count} cannot be read with the configured keys and stay as they are",
            err=True,
        )
    raise SystemExit(1 if done.unreadable else 0)


def _refuse_loss(lost: Sequence[Any]) -> None:
    if lost:
        reasons = [f"{h.column}: {h.count} under {h.key_id or 'no key at all'}" for h in lost]
        raise WouldLose(
            "\n".join(
                [
                    "what is locked with a key that is not configured would be lost:",
                    *reasons,
                    "Name the key from before in PORTICO_PREVIOUS_SECRET_KEYS (or PORTICO_ENCRYPTION_KEYS); "
                    "to give it up, add --lose.",
                ]
            )
        )


def _list(vault: Any, held: Sequence[Any]) -> None:
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


def _name_absent(portico: Any) -> None:
    """What a plugin that is not active keeps is not looked at."""
    if absent := [record.name for record in portico.register if record.state != "active"]:
        click.echo(f"Not looked at, since they are not active: {', '.join(sorted(absent))}")
