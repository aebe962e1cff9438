"""`portico user …`: for whoever sits at the server, also when nobody can sign in."""

import json
import sys

import click
import msgspec

from portico.api import HouseKey
from portico_accounts import service
from portico_accounts.schemas import NewAccount

ROLES = click.Choice(["pending", "user", "admin"])
SHOWN = ("id", "email", "name", "role", "created_at", "last_active_at")


from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, for scripts."
)


@click.group()
def user() -> None:
    """Add people, list them, change roles and passwords."""


@user.command()
@click.argument("email")
@click.option("--name", help="Shown to others. Default: the e-mail address up to the @.")
@click.option(
    "--role", type=ROLES, default="user", help="Default: user. The first is always admin."
)
@from_stdin
@click.pass_obj
def add(key: HouseKey, email: str, name: str | None, role: str, password_stdin: bool) -> None:
    """Make an account for EMAIL."""
    password = _password(password_stdin)
    form = NewAccount(
        name=name or email.partition("@")[0], email=email, password=password, role=role
    )
    account = key.run(lambda house: service.add_account(house, form))
    click.echo(f"Added {account.email} with the role {account.role}.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_obj
def list_accounts(key: HouseKey, as_json: bool) -> None:
    """List everybody, newest first."""
    accounts = key.run(lambda house: house.identity.directory.all())
    found = [{name: msgspec.to_builtins(one)[name] for name in SHOWN} for one in accounts]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif not found:
        click.echo("Nobody has an account yet; `portico user add EMAIL` makes the first.")
    for one in found if not as_json else ():
        click.echo(f"{one['role']:8} {one['email']:40} {one['name']}")


@user.command("set-role")
@click.argument("email")
@click.argument("role", type=ROLES)
@click.pass_obj
def set_role(key: HouseKey, email: str, role: str) -> None:
    """Give the account of EMAIL another ROLE. It has to sign in again."""
    account = key.run(lambda house: service.set_role(house, email, role))
    click.echo(f"{account.email} has the role {account.role}.")


@user.command("reset-password")
@click.argument("email")
@from_stdin
@click.pass_obj
def reset_password(key: HouseKey, email: str, password_stdin: bool) -> None:
    """Give the account of EMAIL another password. It has to sign in again."""
    password = _password(password_stdin)
    key.run(lambda house: service.reset_password(house, email, password))
    click.echo(f"{email} has a new password.")


def _password(from_stdin: bool) -> str:
    """Never an argument: those can be read in the list of processes, and stay in the shell's history."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
