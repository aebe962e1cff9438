"""`portico keys …`: for whoever sits at the server, also when somebody's key has leaked."""

from datetime import UTC, datetime

import click
import msgspec

from portico.api import AppContext, CommandContext, NotFound, now
from portico_api_keys import store
from portico_api_keys.api_key import PREFIX, ApiKey, digest_of, is_key
from portico_api_keys.schemas import KeyForm, KeyWithOwner
from portico_api_keys.service import DAY, Keys, owner_of
from portico_api_keys.settings import ApiKeysSettings


@click.group()
def keys() -> None:
    """List, make and revoke API keys."""


@keys.command("list")
@click.option("--email", help="Only keys of this person.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_obj
def list_keys(key: CommandContext, email: str | None, as_json: bool) -> None:
    """List keys, newest first. What is shown of one is how it begins."""

    async def look(app: AppContext) -> list[KeyWithOwner]:
        owner = (await owner_of(app, email)).id if email else ""
        return await _all(Keys(app, ApiKeysSettings()), owner)

    found = key.run(look)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif not found:
        click.echo("There are no keys.")
    for one in found if not as_json else ():
        until = f"until {_day(one.expires_at)}" if one.expires_at else "for ever"
        used = f"used {_day(one.last_used_at)}" if one.last_used_at else "never used"
        state = until if one.enabled else "switched off"
        click.echo(f"{one.id}  {one.prefix}…  {one.owner}  {state}, {used}  {one.name}")


@keys.command()
@click.argument("email")
@click.option("--name", default="made at the keyboard", help="To know it by.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Expires after so many days.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="PATH", help="Good only there.")
@click.option("--scope", "scopes", multiple=True, metavar="WORD", help="Such as chats:read.")
@click.pass_obj
def create(
    key: CommandContext,
    /,
    *,
    email: str,
    name: str,
    days: int | None,
    endpoints: tuple[str, ...],
    scopes: tuple[str, ...],
) -> None:
    """Make a key for EMAIL and print it, this once."""
    form = KeyForm(
        name=name,
        expires_at=now() + days * DAY if days else None,
        endpoints=list(endpoints) or None,
        scopes=list(scopes) or None,
    )

    async def make(app: AppContext) -> str:
        owner = await owner_of(app, email)
        return (await Keys(app, ApiKeysSettings()).create_for(owner.id, form)).api_key

    click.echo(key.run(make))


@keys.command()
@click.argument("which")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(key: CommandContext, which: str, yes: bool) -> None:
    """Revoke keys: WHICH is an id, a whole key, how one begins (sk-abcd), or an e-mail address for all keys of that person."""
    found = key.run(lambda app: _named(app, which))
    for one in found:
        click.echo(f"{one.id}  {one.prefix}…  {one.name}")
    if len(found) > 1 and not yes:
        click.confirm(f"Revoke these {len(found)} keys?", abort=True)
    key.run(lambda app: Keys(app, ApiKeysSettings()).revoke(found))
    click.echo(f"Revoked {len(found)}.")


async def _named(app: AppContext, which: str) -> list[ApiKey]:
    if "@" in which:
        found = await store.list_own((await owner_of(app, which)).id)
    elif is_key(which):
        found = await store.of_digest(digest_of(which))
    elif which.startswith(PREFIX):
        found = await store.beginning(which)
    else:
        one = await store.find(which)
        found = [one] if one else []
    if not found:
        raise NotFound("There is no such key; `portico keys list` shows which there are.")
    return found


async def _all(keys: Keys, account_id: str) -> list[KeyWithOwner]:
    found: list[KeyWithOwner] = []
    page, total = 1, 1
    while len(found) < total:
        some = await keys.list_all(account_id, page)
        if not some.keys:
            break
        found, total, page = found + some.keys, some.total, page + 1
    return found


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
