"""`portico user …`: accounts on the command line, without signing in."""

import sys
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.auth import AccountSummary
from portico.api.cli import format_time, json_option, print_json, printable, renamed_option
from portico_accounts import cli_actions
from portico_accounts.schemas import NewAccount

ROLES = click.Choice(["pending", "user", "admin"])
#: Fields of an account that only its user sees; never printed.
PRIVATE_FIELDS = (
    "info",
    "settings",
    "oauth",
    "epoch",
    "profile_image_url",
    "profile_banner_image_url",
)
LISTED_FIELDS = ("id", "email", "name", "role", "created_at", "last_active_at")


from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, for scripts."
)


@click.group()
def user() -> None:
    """Add, list and delete users; change their roles and passwords; end their sessions."""


@user.command()
@click.argument("email")
@click.option("--name", help="Name of the user. Default: the part of EMAIL before the @.")
@click.option(
    "--role",
    type=ROLES,
    default="user",
    help="Role of the user. Default: user. The first user is always an administrator.",
)
@from_stdin
@click.pass_obj
def add(
    context: CommandContext, email: str, name: str | None, role: str, password_stdin: bool
) -> None:
    """Add a user with the address EMAIL. Asks for a password."""
    password = _password(password_stdin)
    form = NewAccount(
        name=name or email.partition("@")[0], email=email, password=password, role=role
    )
    account = context.run(lambda _app: context.plugin.accounts.create(form))
    click.echo(f"Added {account.email} with the role {account.role}.")


@user.command("list")
@json_option
@click.option(
    "--colliding",
    is_flag=True,
    help="List only accounts of earlier versions whose e-mail addresses count as the same one now.",
)
@click.pass_obj
def list_accounts(context: CommandContext, as_json: bool, colliding: bool) -> None:
    """List all users, newest first."""

    async def work(app: AppContext) -> list[AccountSummary]:
        accounts = app.identity.account_list
        return await (accounts.colliding() if colliding else accounts.all())

    rows = [msgspec.to_builtins(one) for one in context.run(work)]
    accounts = [{name: row[name] for name in LISTED_FIELDS} for row in rows]
    if as_json:
        print_json(accounts)
        return
    if not accounts and colliding:
        click.echo("No two accounts have the same e-mail address.")
    elif not accounts:
        click.echo("There are no users. `portico user add EMAIL` adds the first one.")
    for one in accounts:
        click.echo(f"{one['role']:8} {one['email']:40} {printable(one['name'])}")


@user.command("set-role")
@click.argument("email")
@click.argument("role", type=ROLES)
@click.pass_obj
def set_role(context: CommandContext, email: str, role: str) -> None:
    """Change the role of a user. A lower role ends the user's sessions."""
    account = context.run(lambda app: cli_actions.set_role(app, email, role))
    click.echo(f"{account.email} has the role {account.role}.")


@user.command("reset-password")
@click.argument("email")
@from_stdin
@click.pass_obj
def reset_password(context: CommandContext, email: str, password_stdin: bool) -> None:
    """Set another password for a user, and end the user's sessions."""
    password = _password(password_stdin)
    context.run(lambda app: cli_actions.reset_password(app, email, password))
    click.echo(f"{email} has a new password.")


@user.command()
@click.argument("email")
@click.pass_obj
def show(context: CommandContext, email: str) -> None:
    """Print a user as JSON, without private data such as settings."""

    async def work(app: AppContext) -> dict[str, Any]:
        account = await app.identity.accounts.require_by_email(email)
        groups = await app.identity.groups.ids_of_account(account.id)
        fields = msgspec.to_builtins(account)
        public = {name: fields[name] for name in fields if name not in PRIVATE_FIELDS}
        return public | {"group_ids": groups}

    print_json(context.run(work))


@user.command()
@click.argument("email")
@json_option
@click.pass_obj
def sessions(context: CommandContext, email: str, as_json: bool) -> None:
    """List the newest sessions of a user: start, last request, auth provider, address, browser."""
    found = context.run(lambda app: cli_actions.list_sessions(app, email))
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo(f"{email} is not signed in.")
    for one in found:
        click.echo(
            f"{format_time(one.created_at)}  {format_time(one.last_seen_at)}  {one.method:14} "
            f"{one.address or '?':15}  {printable(one.user_agent or '')}"
        )


@user.command("sign-out")
@click.argument("email")
@click.pass_obj
def sign_out(context: CommandContext, email: str) -> None:
    """End all sessions of a user, on every instance within a second."""
    context.run(lambda app: cli_actions.sign_out(app, email))
    click.echo(f"Ended all sessions of {email}.")


@user.command()
@click.argument("email")
@click.option(
    "--delete-content", is_flag=True, help="Delete also what the user shared with other users."
)
@click.option(
    "--transfer-to",
    metavar="EMAIL",
    default="",
    help="New owner of what the user shared with other users. Default: the first administrator.",
)
@renamed_option("--heir", "--transfer-to")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def delete(
    context: CommandContext, email: str, delete_content: bool, transfer_to: str, yes: bool
) -> None:
    """Delete a user and the user's own content, such as chats."""
    if delete_content and transfer_to:
        raise click.UsageError("Give either --delete-content or --transfer-to.")
    if not yes:
        click.confirm(f"Delete {email} and all content of this user?", abort=True)
    context.run(
        lambda app: cli_actions.delete(app, email, transfer_to, delete_content=delete_content)
    )
    click.echo(f"Deleted {email}.")


def _password(from_stdin: bool) -> str:
    """Return a password. It is never an argument, which the list of processes and the shell's history would show."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
