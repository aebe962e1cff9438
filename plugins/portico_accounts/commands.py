"""`portico user …`: for whoever sits at the server, also when nobody can sign in."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from portico.api import AccountSummary, AppContext, CommandContext
from portico_accounts import cli_actions
from portico_accounts.schemas import NewAccount
from portico_accounts.service import AccountService
from portico_accounts.settings import AccountsSettings

ROLES = click.Choice(["pending", "user", "admin"])
#: What an account keeps for itself: never printed.
PRIVATE = ("info", "settings", "oauth", "epoch", "profile_image_url", "profile_banner_image_url")
SHOWN = ("id", "email", "name", "role", "created_at", "last_active_at")


from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, for scripts."
)


@click.group()
def user() -> None:
    """Add people, list and show them, change roles and passwords, sign them out, delete them."""


@user.command()
@click.argument("email")
@click.option("--name", help="Shown to others. Default: the e-mail address up to the @.")
@click.option(
    "--role", type=ROLES, default="user", help="Default: user. The first is always admin."
)
@from_stdin
@click.pass_obj
def add(key: CommandContext, email: str, name: str | None, role: str, password_stdin: bool) -> None:
    """Make an account for EMAIL."""
    password = _password(password_stdin)
    form = NewAccount(
        name=name or email.partition("@")[0], email=email, password=password, role=role
    )
    account = key.run(lambda app: AccountService(app, AccountsSettings()).create(form))
    click.echo(f"Added {account.email} with the role {account.role}.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.option(
    "--colliding",
    is_flag=True,
    help="Only accounts whose e-mail addresses are one, though written otherwise.",
)
@click.pass_obj
def list_accounts(key: CommandContext, as_json: bool, colliding: bool) -> None:
    """List everybody, newest first."""

    async def listed(app: AppContext) -> list[AccountSummary]:
        roll = app.identity.account_list
        return await (roll.colliding() if colliding else roll.all())

    accounts = key.run(listed)
    found = [{name: msgspec.to_builtins(one)[name] for name in SHOWN} for one in accounts]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif not found and colliding:
        click.echo("No two accounts have what is one e-mail address.")
    elif not found:
        click.echo("Nobody has an account yet; `portico user add EMAIL` makes the first.")
    for one in found if not as_json else ():
        click.echo(f"{one['role']:8} {one['email']:40} {one['name']}")


@user.command("set-role")
@click.argument("email")
@click.argument("role", type=ROLES)
@click.pass_obj
def set_role(key: CommandContext, email: str, role: str) -> None:
    """Give the account of EMAIL another ROLE. A lower one ends its sessions."""
    account = key.run(lambda app: cli_actions.set_role(app, email, role))
    click.echo(f"{account.email} has the role {account.role}.")


@user.command("reset-password")
@click.argument("email")
@from_stdin
@click.pass_obj
def reset_password(key: CommandContext, email: str, password_stdin: bool) -> None:
    """Give the account of EMAIL another password. It has to sign in again."""
    password = _password(password_stdin)
    key.run(lambda app: cli_actions.reset_password(app, email, password))
    click.echo(f"{email} has a new password.")


@user.command()
@click.argument("email")
@click.pass_obj
def show(key: CommandContext, email: str) -> None:
    """Show the account of EMAIL as one JSON object, without what it keeps for itself."""

    async def look(app: AppContext) -> dict[str, Any]:
        account = await cli_actions.account_of(app, email)
        groups = await app.identity.groups.ids_of_account(account.id)
        whole = msgspec.to_builtins(account)
        return {name: whole[name] for name in whole if name not in PRIVATE} | {"group_ids": groups}

    click.echo(json.dumps(key.run(look), indent=2, ensure_ascii=False))


@user.command()
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_obj
def sessions(key: CommandContext, email: str, as_json: bool) -> None:
    """List the newest sign-ins of EMAIL: by which way, from where, when they were last seen."""
    found = key.run(lambda app: cli_actions.sign_ins(app, email))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    elif not found:
        click.echo(f"{email} is not signed in.")
    for one in found if not as_json else ():
        click.echo(
            f"{_when(one.created_at)}  {_when(one.last_seen_at)}  {one.method:12} "
            f"{one.address or '?':15}  {_printable(one.user_agent or '')}"
        )


@user.command("sign-out")
@click.argument("email")
@click.pass_obj
def sign_out(key: CommandContext, email: str) -> None:
    """End all sign-ins of EMAIL, on every instance within a second."""
    key.run(lambda app: cli_actions.sign_out(app, email))
    click.echo(f"{email} is signed out everywhere.")


@user.command()
@click.argument("email")
@click.option("--delete-content", is_flag=True, help="Delete also what others still use.")
@click.option(
    "--heir",
    metavar="EMAIL",
    help="Who is given what others still use. Default: the first administrator.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(
    key: CommandContext, email: str, delete_content: bool, heir: str | None, yes: bool
) -> None:
    """Delete the account of EMAIL with all that is its own, such as its chats."""
    if delete_content and heir:
        raise click.UsageError("Either --delete-content or --heir: what is deleted has no heir.")
    if not yes:
        click.confirm(f"Delete {email} and all that is theirs?", abort=True)
    key.run(lambda app: cli_actions.delete(app, email, heir, delete_content=delete_content))
    click.echo(f"Deleted {email}.")


def _when(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _printable(text: str) -> str:
    """What a stranger's browser calls itself, without what would disturb a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _password(from_stdin: bool) -> str:
    """Never an argument: those can be read in the list of processes, and stay in the shell's history."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
