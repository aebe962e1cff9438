"""`portico oidc …`: trying claims out, links between accounts and providers, and whether a provider can be used."""

import sys
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico_oauth.settings import Name

PROVIDERS = click.Choice(list(get_args(Name)))
as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")


@click.group()
def oidc() -> None:
    """Signing in at other providers: try claims out, link accounts, check providers."""


@oidc.command("try")
@click.argument("claims", metavar="CLAIMS")
@click.option("--provider", type=PROVIDERS, help="Default: the only one, else oidc.")
@click.option(
    "--vouched/--not-vouched",
    default=None,
    help="As if the provider had said so when asked, as GitHub is.",
)
@as_json
@click.pass_obj
def try_claims(
    key: CommandContext, claims: str, provider: str | None, vouched: bool | None, as_json: bool
) -> None:
    """Show what CLAIMS would come to at a sign-in, and change nothing.

    CLAIMS: a JSON object, a token, a file with one of them, or - for standard input.
    """
    from portico_oauth.cli.dry_run import preview_login, read_claims
    from portico_oauth.cli.output import format_preview

    text = _given(claims)

    async def look(app: AppContext) -> Any:
        chosen = _chosen(app, provider)
        try:
            found, signature = await read_claims(chosen, text)
            return await preview_login(app, chosen, found, vouched=vouched, signature=signature)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        finally:
            await chosen.close()

    outcome = key.run(look)
    click.echo(_json(outcome) if as_json else format_preview(outcome))
    sys.exit(1 if outcome.outcome == "refused" else 0)


@oidc.command()
@click.argument("email")
@click.argument("provider", type=PROVIDERS)
@click.argument("subject")
@click.pass_obj
def link(key: CommandContext, email: str, provider: str, subject: str) -> None:
    """From now on SUBJECT at PROVIDER is the account of EMAIL."""

    async def add(app: AppContext) -> None:
        await app.identity.links.add(provider, subject, await _account_id(app, email))

    key.run(add)
    click.echo(f"{subject} at {provider} is {email} now.")


@oidc.command()
@click.argument("email")
@click.argument("provider", type=PROVIDERS)
@click.argument("subject")
@click.pass_obj
def unlink(key: CommandContext, email: str, provider: str, subject: str) -> None:
    """SUBJECT at PROVIDER is not the account of EMAIL any more; what it signed in by that way is signed out."""

    async def drop(app: AppContext) -> bool:
        account_id = await _account_id(app, email)
        dropped = await app.identity.links.remove(provider, subject, account_id)
        if dropped:
            await app.identity.sessions.close_by_method(account_id, provider)
        return dropped

    if not key.run(drop):
        raise click.ClickException(f"{subject} at {provider} is not {email}.")
    click.echo(f"{subject} at {provider} is nobody now.")


@oidc.command()
@click.argument("email")
@as_json
@click.pass_obj
def links(key: CommandContext, email: str, as_json: bool) -> None:
    """List what the account of EMAIL is called by its providers."""

    async def look(app: AppContext) -> list[tuple[str, str]]:
        return await app.identity.links.of(await _account_id(app, email))

    found = key.run(look)
    if as_json:
        click.echo(_json([{"provider": name, "subject": subject} for name, subject in found]))
        return
    for name, subject in found:
        click.echo(f"{name:10} {subject}")
    if not found:
        click.echo("No provider knows them.", err=True)


@oidc.command()
@click.argument("provider", type=PROVIDERS, required=False)
@as_json
@click.pass_obj
def check(key: CommandContext, provider: str | None, as_json: bool) -> None:
    """Ask each PROVIDER for its description and keys, and show what to register there."""
    from portico_oauth.cli.provider_check import check_provider, format_check

    async def look(app: AppContext) -> list[Any]:
        chosen = [_chosen(app, provider)] if provider else _all(app)
        if not chosen:
            raise click.ClickException("No provider is configured; set its client id and secret.")
        return [await check_provider(app, one) for one in chosen]

    found = key.run(look)
    click.echo(_json(found) if as_json else "\n\n".join(map(format_check, found)))
    sys.exit(1 if any(one.fault for one in found) else 0)


def _given(claims: str) -> str:
    if claims == "-":
        return sys.stdin.read()
    text = claims.strip()
    if text.startswith("{") or text.count(".") == 2 and text.startswith("ey"):
        return text
    try:
        return Path(claims).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"{claims[:80]!r} is no JSON object, no token, and no file that can be read: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from None


def _all(app: AppContext) -> list[Any]:
    from portico_oauth.login.provider import OAuthProvider

    return [way for way in app.identity.auth.providers.values() if isinstance(way, OAuthProvider)]


def _chosen(app: AppContext, name: str | None) -> Any:
    known = {one.name: one for one in _all(app)}
    if name is None:
        name = next(iter(known)) if len(known) == 1 else "oidc"
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise click.ClickException(f"{name} is not configured; configured: {there}.")
    return known[name]


async def _account_id(app: AppContext, email: str) -> str:
    account = await app.identity.accounts.by_email(email)
    if account is None:
        raise click.ClickException(f"Nobody has the e-mail address {email}.")
    return account.id


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
