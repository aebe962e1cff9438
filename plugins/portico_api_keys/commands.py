"""`portico api-key …`: API keys of all users, on the command line."""

from datetime import UTC, datetime

import click

from portico.api import AppContext, CommandContext, NotFound
from portico.api.cli import json_option, print_json, printable
from portico.api.db import now
from portico_api_keys import store
from portico_api_keys.api_key import PREFIX, ApiKey, digest_of, is_key
from portico_api_keys.schemas import KeyForm, KeyWithOwner
from portico_api_keys.service import DAY_SECONDS, KeyService


@click.group("api-key")
def api_key() -> None:
    """List, create and revoke API keys."""


@api_key.command("list")
@click.option("--email", help="List only the keys of the user with this e-mail address.")
@json_option
@click.pass_obj
def list_keys(context: CommandContext, email: str | None, as_json: bool) -> None:
    """List API keys, newest first. Only the first characters of a key are shown."""
    service: KeyService = context.plugin.service

    async def work(app: AppContext) -> list[KeyWithOwner]:
        accounts = app.identity.accounts
        owner_id = (await accounts.require_by_email(email)).id if email else ""
        return await _list_all(service, owner_id)

    found = context.run(work)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There are no API keys.")
    for key in found:
        expiry = f"expires {_date(key.expires_at)}" if key.expires_at else "never expires"
        used = f"used {_date(key.last_used_at)}" if key.last_used_at else "never used"
        state = expiry if key.enabled else "disabled"
        click.echo(f"{key.id}  {key.prefix}…  {key.owner}  {state}, {used}  {printable(key.name)}")


@api_key.command()
@click.argument("email")
@click.option("--name", default="created on the command line", help="Name of the key.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Days after which the key expires.")
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="PATH",
    help="Accept the key only for this path and those below it. Can be given several times.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Restrict the key to a scope, such as chats:read. Can be given several times.",
)
@click.pass_obj
def create(
    context: CommandContext,
    /,
    *,
    email: str,
    name: str,
    days: int | None,
    endpoints: tuple[str, ...],
    scopes: tuple[str, ...],
) -> None:
    """Create an API key for the user with the address EMAIL, and print it. It cannot be printed again.

    Why the key would not be accepted now is said on standard error.
    """
    service: KeyService = context.plugin.service
    form = KeyForm(
        name=name,
        expires_at=now() + days * DAY_SECONDS if days else None,
        endpoints=list(endpoints) or None,
        scopes=list(scopes) or None,
    )

    async def work(app: AppContext) -> tuple[str, list[str]]:
        owner = await app.identity.accounts.require_by_email(email)
        created = (await service.create_for(owner.id, form)).api_key
        return created, await context.plugin.authenticator.obstacles(created)

    created, obstacles = context.run(work)
    click.echo(created)
    if obstacles:
        click.echo("No request with this key is accepted yet:", err=True)
    for sentence in obstacles:
        click.echo(f"  {printable(sentence)}", err=True)


@api_key.command()
@click.argument("key_or_email")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def revoke(context: CommandContext, key_or_email: str, yes: bool) -> None:
    """Revoke API keys.

    KEY_OR_EMAIL is the id of a key, a whole key, its first characters (sk-abcd), or the e-mail address of a user, for
    all keys of that user.
    """
    service: KeyService = context.plugin.service
    found = context.run(lambda app: _find_keys(app, key_or_email))
    for key in found:
        click.echo(f"{key.id}  {key.prefix}…  {printable(key.name)}")
    if len(found) > 1 and not yes:
        click.confirm(f"Revoke these {len(found)} keys?", abort=True)
    context.run(lambda _app: service.revoke(found))
    click.echo(f"Revoked {len(found)}.")


async def _find_keys(app: AppContext, key_or_email: str) -> list[ApiKey]:
    if "@" in key_or_email:
        owner = await app.identity.accounts.require_by_email(key_or_email)
        found = await store.list_of_owner(owner.id)
    elif is_key(key_or_email):
        found = await store.list_by_digest(digest_of(key_or_email))
    elif key_or_email.startswith(PREFIX):
        found = await store.list_by_prefix(key_or_email)
    else:
        key = await store.find(key_or_email)
        found = [key] if key else []
    if not found:
        raise NotFound("There is no such key. `portico api-key list` lists all keys.")
    return found


async def _list_all(service: KeyService, account_id: str) -> list[KeyWithOwner]:
    found: list[KeyWithOwner] = []
    number, total = 1, 1
    while len(found) < total:
        page = await service.list_all(account_id, number)
        if not page.keys:
            break
        found, total, number = found + page.keys, page.total, number + 1
    return found


def _date(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
