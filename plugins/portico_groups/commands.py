"""`portico group …`: for whoever sits at the server. It asks nobody for permission."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.api import Group, House, HouseKey, Invalid, NotFound
from portico_groups.importing import Import
from portico_groups.schemas import ImportedGroup, ImportedGroups
from portico_groups.service import Groups, describe

#: From how many groups on an import shows how far it is.
MANY = 20

as_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
which = click.argument("which", metavar="GROUP")
people = click.argument("people", metavar="PERSON...", nargs=-1, required=True)


@click.group()
def group() -> None:
    """Make groups, say who is in them, take them elsewhere. GROUP is an id, or a name that is only one's."""


@group.command("list")
@as_json
@click.pass_obj
def list_groups(key: HouseKey, as_json: bool) -> None:
    """List all groups, the last changed first."""
    found = key.run(lambda house: house.identity.directory.groups())
    if as_json:
        _print([describe(one) for one in found])
        return
    if not found:
        click.echo("There is no group yet; `portico group create NAME` makes one.")
    for one in found:
        click.echo(f"{one.id}  {one.member_count:6}  {one.name}")


@group.command()
@which
@as_json
@click.pass_obj
def show(key: HouseKey, which: str, as_json: bool) -> None:
    """Show a group: what it permits, and who is in it."""

    async def work(house: House) -> tuple[Any, Any]:
        found = await find(house, which)
        return await Groups(house).export(found.id), await house.identity.directory.members(
            found.id
        )

    answer, members = key.run(work)
    if as_json:
        _print(answer)
        return
    click.echo(f"{answer.name}  {answer.id}")
    if answer.description:
        click.echo(answer.description)
    permitted = [
        f"{section}.{word}"
        for section, words in (answer.permissions or {}).items()
        for word, value in words.items()
        if value is True
    ]
    click.echo(f"permits: {', '.join(permitted) or 'nothing beyond the defaults'}")
    for one in members:
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
    key: HouseKey, name: str, description: str, permit: Sequence[str], as_json: bool
) -> None:
    """Make a group without members."""
    permissions: dict[str, dict[str, bool]] = {}
    for leaf in permit:
        section, _, word = leaf.partition(".")
        permissions.setdefault(section, {})[word] = True
    made = key.run(
        lambda house: house.identity.directory.create_group(
            name=name, description=description, by="", permissions=permissions or None
        )
    )
    if as_json:
        _print(describe(made))
    else:
        click.echo(f"Made the group {made.name}, {made.id}.")


@group.command()
@which
@as_json
@click.pass_obj
def delete(key: HouseKey, which: str, as_json: bool) -> None:
    """Delete a group, with what was shared with it. Its members stay."""

    async def work(house: House) -> Group:
        found = await find(house, which)
        await house.identity.directory.delete_group(found.id)
        return found

    gone = key.run(work)
    if as_json:
        _print(describe(gone))
    else:
        click.echo(f"Deleted the group {gone.name}, {gone.id}.")


@group.command()
@which
@people
@as_json
@click.pass_obj
def add(key: HouseKey, which: str, people: Sequence[str], as_json: bool) -> None:
    """Let people into a group, by e-mail address or id."""

    async def work(house: House) -> Any:
        found = await find(house, which)
        ids = await account_ids(house, people)
        return (await house.identity.directory.add_members(found.id, ids)).group

    _say_members(key.run(work), as_json)


@group.command()
@which
@people
@as_json
@click.pass_obj
def remove(key: HouseKey, which: str, people: Sequence[str], as_json: bool) -> None:
    """Send people out of a group, by e-mail address or id."""

    async def work(house: House) -> Any:
        found = await find(house, which)
        ids = await account_ids(house, people)
        return (await house.identity.directory.remove_members(found.id, ids)).group

    _say_members(key.run(work), as_json)


@group.command()
@click.argument("which", metavar="[GROUP]...", nargs=-1)
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="A file. Default: print it."
)
@click.pass_obj
def export(key: HouseKey, which: Sequence[str], to: Path | None) -> None:
    """Write groups with the ids of their members as JSON; all of them unless named."""

    async def work(house: House) -> list[Any]:
        named = [await find(house, one) for one in which]
        found = named or await house.identity.directory.groups()
        return [await Groups(house).export(one.id) for one in found]

    exported = msgspec.json.format(msgspec.json.encode(key.run(work)), indent=2).decode()
    if to is None:
        click.echo(exported)
    else:
        to.write_text(exported + "\n", encoding="utf-8")
        click.echo(f"Wrote {to}.")


@group.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Change groups whose id is there already.")
@as_json
@click.pass_obj
def import_(key: HouseKey, source: Any, replace: bool, as_json: bool) -> None:
    """Bring in exported groups from FILE (- = standard input): all of them, or none."""
    groups = read_groups(source.read())

    def run(on_group: Any) -> Any:
        return key.run(lambda house: Import(house, by="", replace=replace).run(groups, on_group))

    if as_json or len(groups) < MANY:
        reports = run(lambda: None)
    else:
        with click.progressbar(length=len(groups), label="Importing") as bar:
            reports = run(lambda: bar.update(1))
    if as_json:
        _print(reports)
        return
    for report in reports:
        passed = f", {len(report.ignored)} unknown passed over" if report.ignored else ""
        click.echo(f"{report.result}  {report.id}  {report.name}: {report.members} members{passed}")


def read_groups(text: bytes) -> list[ImportedGroup]:
    """What an export holds: one group or several. Raises: Invalid."""
    try:
        found = msgspec.json.decode(text, type=ImportedGroup | ImportedGroups)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Invalid(f"this is no export of groups: {error}") from None
    return found if isinstance(found, list) else [found]


async def find(house: House, which: str) -> Group:
    """The group of an id, else of a name. Raises: NotFound; Invalid for a name that several groups have."""
    directory = house.identity.directory
    found = await directory.group(which)
    if found is not None:
        return found
    named = [one for one in await directory.groups() if one.name == which]
    if not named:
        raise NotFound(f"There is no group {which}; `portico group list` shows which there are.")
    if len(named) > 1:
        ids = ", ".join(one.id for one in named)
        raise Invalid(f"Several groups are called {which}; say which by its id: {ids}")
    return named[0]


async def account_ids(house: House, people: Sequence[str]) -> list[str]:
    """The ids of people named by e-mail address or id. Raises: NotFound, naming all who are unknown."""
    directory = house.identity.directory
    ids, unknown = [], []
    for one in people:
        account = await (directory.by_email(one) if "@" in one else directory.find(one))
        if account is None:
            unknown.append(one)
        else:
            ids.append(account.id)
    if unknown:
        raise NotFound(f"Nobody is {', '.join(unknown)}; `portico user list` shows who there is.")
    return ids


def _say_members(group: Group, as_json: bool) -> None:
    if as_json:
        _print(describe(group))
    else:
        click.echo(f"{group.name} has {group.member_count} members.")


def _print(value: Any) -> None:
    click.echo(json.dumps(msgspec.to_builtins(value), indent=2))
