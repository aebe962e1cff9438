"""`portico group …`: groups and their members on the command line, without permission checks."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click

from portico.api import AppContext, CommandContext
from portico.api.auth import Group, permission_errors
from portico.api.cli import json_option, print_json, printable, renamed_command, renamed_option
from portico_groups.cli_lookup import find_accounts, find_group
from portico_groups.service import describe
from portico_groups.transfer_commands import export, import_, member_count

group_argument = click.argument("name_or_id", metavar="GROUP")
users_argument = click.argument("users", metavar="USER...", nargs=-1, required=True)


@click.group()
def group() -> None:
    """Create groups, change their members, export and import them.

    GROUP is the id of a group, or its name if no other group has it.
    """


@group.command("list")
@json_option
@click.pass_obj
def list_groups(context: CommandContext, as_json: bool) -> None:
    """List all groups, the last changed first."""
    found = context.run(lambda app: app.identity.groups.all())
    if as_json:
        print_json([describe(one) for one in found])
        return
    if not found:
        click.echo("There are no groups. `portico group create NAME` creates one.")
    for one in found:
        click.echo(printable(f"{one.id}  {one.member_count:6}  {one.name}"))


@group.command()
@group_argument
@json_option
@click.pass_obj
def show(context: CommandContext, name_or_id: str, as_json: bool) -> None:
    """Show a group: its permissions and its members."""

    async def work(app: AppContext) -> tuple[Any, Any]:
        found = await find_group(app, name_or_id)
        members = await app.identity.groups.members(found.id)
        return await context.plugin.export(found.id), members

    answer, members = context.run(work)
    if as_json:
        print_json(answer)
        return
    click.echo(printable(f"{answer.name}  {answer.id}"))
    if answer.description:
        click.echo(printable(answer.description))
    permissions = [
        f"{section}.{key}"
        for section, keys in (answer.permissions or {}).items()
        for key, value in (keys.items() if isinstance(keys, dict) else ())
        if value is True
    ]
    click.echo(f"permissions: {', '.join(permissions) or 'none beyond the defaults'}")
    for one in members:
        click.echo(printable(f"  {one.email:40} {one.name}"))


@group.command()
@click.argument("name")
@click.option("--description", default="", help="Shown to administrators.")
@click.option(
    "--permission",
    "granted",
    multiple=True,
    metavar="KEY",
    help="A permission of the members, such as workspace.models. Can be given several times.",
)
@renamed_option("--permit", "--permission")
@json_option
@click.pass_obj
def create(
    context: CommandContext, name: str, description: str, granted: Sequence[str], as_json: bool
) -> None:
    """Create a group without members."""
    permissions: dict[str, dict[str, bool]] = {}
    for permission in granted:
        section, _, key = permission.partition(".")
        permissions.setdefault(section, {})[key] = True
        if permission_errors({section: {key: True}}):
            raise click.BadParameter(
                f"{permission!r} is no permission. Give one such as workspace.models.",
                param_hint="'--permission'",
            )
    created = context.run(
        lambda app: app.identity.groups.create(
            name=name, description=description, by="", permissions=permissions or None
        )
    )
    if as_json:
        print_json(describe(created))
    else:
        click.echo(printable(f"Created the group {created.name}, {created.id}."))


@group.command()
@group_argument
@json_option
@click.pass_obj
def delete(context: CommandContext, name_or_id: str, as_json: bool) -> None:
    """Delete a group and what was shared with it. Its members keep their accounts."""

    async def work(app: AppContext) -> Group:
        found = await find_group(app, name_or_id)
        await app.identity.groups.delete(found.id)
        return found

    deleted = context.run(work)
    if as_json:
        print_json(describe(deleted))
    else:
        click.echo(printable(f"Deleted the group {deleted.name}, {deleted.id}."))


def _change_members(change: Callable[[AppContext, str, list[str]], Awaitable[Group]]) -> Any:
    """Return the function of a command that applies `change` to a group and the accounts that it names."""

    @group_argument
    @users_argument
    @json_option
    @click.pass_obj
    def command(
        context: CommandContext, name_or_id: str, users: Sequence[str], as_json: bool
    ) -> None:
        async def work(app: AppContext) -> Group:
            found = await find_group(app, name_or_id)
            return await change(app, found.id, await find_accounts(app, users))

        changed = context.run(work)
        if as_json:
            print_json(describe(changed))
        else:
            click.echo(printable(f"{changed.name}: {member_count(changed.member_count)}."))

    return command


async def _add(app: AppContext, group_id: str, ids: list[str]) -> Group:
    return (await app.identity.groups.add_members(group_id, ids)).group


async def _remove(app: AppContext, group_id: str, ids: list[str]) -> Group:
    return (await app.identity.groups.remove_members(group_id, ids)).group


group.command("add-member", help="Add users to a group, by e-mail address or account id.")(
    _change_members(_add)
)
group.command("remove-member", help="Remove users from a group, by e-mail address or account id.")(
    _change_members(_remove)
)
for further in (
    export,
    import_,
    renamed_command("add", "portico group add-member"),
    renamed_command("remove", "portico group remove-member"),
):
    group.add_command(further)
