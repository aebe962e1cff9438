"""`portico group …`: for whoever sits at the server. It asks nobody for permission."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click

from portico.api import AppContext, CommandContext, Group
from portico_groups.cli_lookup import account_ids, find
from portico_groups.cli_output import as_json, members, say
from portico_groups.service import GroupService, describe
from portico_groups.transfer_commands import export, import_

which = click.argument("which", metavar="GROUP")
people = click.argument("people", metavar="PERSON...", nargs=-1, required=True)


@click.group()
def group() -> None:
    """Make groups, say who is in them, take them elsewhere. GROUP is an id, or a name that is only one's."""


@group.command("list")
@as_json
@click.pass_obj
def list_groups(key: CommandContext, as_json: bool) -> None:
    """List all groups, the last changed first."""
    found = key.run(lambda app: app.identity.groups.all())
    if as_json:
        say([describe(one) for one in found])
        return
    if not found:
        click.echo("There is no group yet; `portico group create NAME` makes one.")
    for one in found:
        click.echo(f"{one.id}  {one.member_count:6}  {one.name}")


@group.command()
@which
@as_json
@click.pass_obj
def show(key: CommandContext, which: str, as_json: bool) -> None:
    """Show a group: what it permits, and who is in it."""

    async def work(app: AppContext) -> tuple[Any, Any]:
        found = await find(app, which)
        return await GroupService(app).export(found.id), await app.identity.groups.members(found.id)

    answer, people = key.run(work)
    if as_json:
        say(answer)
        return
    click.echo(f"{answer.name}  {answer.id}")
    if answer.description:
        click.echo(answer.description)
    permitted = [
        f"{section}.{word}"
        for section, words in (answer.permissions or {}).items()
        for word, value in (words.items() if isinstance(words, dict) else ())
        if value is True
    ]
    click.echo(f"permits: {', '.join(permitted) or 'nothing beyond the defaults'}")
    for one in people:
        click.echo(f"  {one.email:40} {one.name}")


@group.command()
@click.argument("name")
@click.option("--description", default="", help="Shown to administrators.")
@click.option(
    "--permit",
    multiple=True,
    metavar="WORD",
    help="What members may do, such as workspace.models; may be said several times.",
)
@as_json
@click.pass_obj
def create(
    key: CommandContext, name: str, description: str, permit: Sequence[str], as_json: bool
) -> None:
    """Make a group without members."""
    permissions: dict[str, dict[str, bool]] = {}
    for leaf in permit:
        section, _, word = leaf.partition(".")
        permissions.setdefault(section, {})[word] = True
    made = key.run(
        lambda app: app.identity.groups.create(
            name=name, description=description, by="", permissions=permissions or None
        )
    )
    if as_json:
        say(describe(made))
    else:
        click.echo(f"Made the group {made.name}, {made.id}.")


@group.command()
@which
@as_json
@click.pass_obj
def delete(key: CommandContext, which: str, as_json: bool) -> None:
    """Delete a group, with what was shared with it. Its members stay."""

    async def work(app: AppContext) -> Group:
        found = await find(app, which)
        await app.identity.groups.delete(found.id)
        return found

    gone = key.run(work)
    if as_json:
        say(describe(gone))
    else:
        click.echo(f"Deleted the group {gone.name}, {gone.id}.")


def _changing_members(change: Callable[[AppContext, str, list[str]], Awaitable[Group]]) -> Any:
    """The command that has `change` do something to a group with the people who are named."""

    @which
    @people
    @as_json
    @click.pass_obj
    def command(key: CommandContext, which: str, people: Sequence[str], as_json: bool) -> None:
        async def work(app: AppContext) -> Group:
            found = await find(app, which)
            return await change(app, found.id, await account_ids(app, people))

        changed = key.run(work)
        if as_json:
            say(describe(changed))
        else:
            click.echo(f"{changed.name}: {members(changed.member_count)}.")

    return command


async def _add(app: AppContext, group_id: str, ids: list[str]) -> Group:
    return (await app.identity.groups.add_members(group_id, ids)).group


async def _remove(app: AppContext, group_id: str, ids: list[str]) -> Group:
    return (await app.identity.groups.remove_members(group_id, ids)).group


group.command("add", help="Let people into a group, by e-mail address or id.")(
    _changing_members(_add)
)
group.command("remove", help="Send people out of a group, by e-mail address or id.")(
    _changing_members(_remove)
)
for command in (export, import_):
    group.add_command(command)
