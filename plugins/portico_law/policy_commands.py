"""`portico policy …`: for whoever sits at the server, also when nobody can sign in any more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.api import BadPolicy, House, HouseKey, Misshapen, Refusal, Shift
from portico_law import asking, changing, drawing
from portico_law.asking import lines_of
from portico_law.when import written

as_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
FOLDER = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Who may do what: look it up, ask why, try a change, go back.

    The law is the packaged pages, over them the directory that access.policy_dir (PORTICO_ACCESS_POLICY_DIR) names,
    and over that the pages saved over HTTP. A running server follows a change within a second.
    """


@policy.command()
@as_json
@click.pass_obj
def show(key: HouseKey, as_json: bool) -> None:
    """Print every line in force and where it stands.

    Behind a line are the names of the groups and accounts that it means, and whether it is idle.
    """

    async def work(house: House) -> Any:
        return await lines_of(house, house.permissions.law), house.policies.refused

    lines, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(lines)
        return
    for text in drawing.law(lines):
        click.echo(text)


@policy.command()
@click.argument("directory", type=FOLDER, required=False)
@click.pass_obj
def check(key: HouseKey, directory: Path | None) -> None:
    """See whether the pages in DIRECTORY are good.

    Default: the configured one. Each fault is printed as `file:line: reason`; the exit code is then 1. Ids of groups and accounts that there are
    not, and pages that replace others, are pointed out, and are no faults.
    """

    async def work(house: House) -> Any:
        place = directory or house.policies.drafts.directory
        if place is None:
            raise click.UsageError("Name a directory, or set access.policy_dir.")
        return place, await changing.check(house, place.absolute())

    place, verdict = key.run(work, packaged_law=True)
    for warning in verdict.warnings:
        click.echo(f"note: {warning}", err=True)
    for fault in verdict.faults:
        click.echo(fault, err=True)
    if verdict.faults:
        sys.exit(1)
    click.echo(f"{place}: {verdict.lines} lines on {verdict.pages} pages; they could be in force.")


@policy.command()
@click.argument("user")
@click.argument("action")
@click.argument("resource")
@as_json
@click.pass_obj
def explain(key: HouseKey, user: str, action: str, resource: str, as_json: bool) -> None:
    """Say whether USER may do ACTION to RESOURCE, and by which line.

    USER is an id or an e-mail address. RESOURCE is a kind and an id, such as `model:legal-desk`, or just a kind for
    what can be done with it in general, such as `model`. The exit code is 0 for yes, 1 for no, 2 if it cannot be
    asked.
    """
    kind, _, thing = resource.partition(":")

    async def work(house: House) -> Any:
        return await asking.why(house, user, action, kind, thing), house.policies.refused

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(drawing.reasons(found)))
    sys.exit(0 if found.allowed else 1)


@policy.command()
@click.argument("action")
@click.argument("resource")
@as_json
@click.pass_obj
def who(key: HouseKey, action: str, resource: str, as_json: bool) -> None:
    """List everybody who may do ACTION to RESOURCE.

    Each is shown with a line that lets them. RESOURCE is as for `explain`.
    """
    kind, _, thing = resource.partition(":")

    async def work(house: House) -> Any:
        return await asking.who_may(house, action, kind, thing, page=0), house.policies.refused

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(found.people)
        return
    for text in drawing.people(found.people):
        click.echo(text)
    if not found.people:
        click.echo("Nobody may.")


@policy.command()
@click.argument("new_dir", type=FOLDER)
@as_json
@click.option("--summary", is_flag=True, help="Only how many gain and lose.")
@click.pass_obj
def diff(key: HouseKey, new_dir: Path, as_json: bool, summary: bool) -> None:
    """Show who would gain or lose what with NEW_DIR.

    NEW_DIR is taken in the place of the configured directory. Everybody and everything is looked at, and nothing is changed. The exit code is 0 if all stays as it is, 1 if
    somebody gains or loses something, 2 if the pages are no good.
    """
    directory = new_dir.absolute()

    async def work(house: House) -> Any:
        with click.progressbar(length=1, label="Looking at everybody", file=sys.stderr) as bar:

            def progress(done: int, of: int) -> None:
                bar.length = of
                bar.update(done - bar.pos)

            found = await changing.compare(house, directory, progress)
            bar.update((bar.length or 1) - bar.pos)
        return found, house.policies.refused

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    _print_shifts(found, as_json, summary)
    sys.exit(1 if found else 0)


@policy.command()
@as_json
@click.pass_obj
def versions(key: HouseKey, as_json: bool) -> None:
    """List the last 20 saves of pages over HTTP, newest first."""
    found = key.run(changing.versions, packaged_law=True).versions
    if as_json:
        _print_json(found)
        return
    for one in found:
        name = one.author_name or one.author or "command line"
        pages = ", ".join(one.pages) or "no pages"
        click.echo(drawing.plain(f"{one.number:>5}  {written(one.at)}  {name:20} {pages}"))
    if not found:
        click.echo("Nothing was ever saved.")


@policy.command()
@click.argument("number", type=click.IntRange(0))
@click.pass_obj
def rollback(key: HouseKey, number: int) -> None:
    """Go back to the saved pages of version NUMBER.

    0 = as if nothing had been saved. Works also when the pages saved last keep the server from starting.
    """
    saved = key.run(lambda house: changing.roll_back(house, number, author=""), packaged_law=True)
    click.echo(f"The saved pages are those of version {number} again; this is version {saved}.")


def _print_shifts(found: list[Shift], as_json: bool, summary: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for text in drawing.totals(found) if summary else drawing.shifts(found):
        click.echo(text)
    people = len({shift.account_id for shift in found})
    click.echo(
        f"{people} {'person gains or loses' if people == 1 else 'people gain or lose'} something."
        if found
        else "Nobody gains or loses anything."
    )


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _warn(refused: tuple[str, ...]) -> None:
    """Say that what is shown is not what was written last."""
    if refused:
        click.echo("The latest pages are refused; this is the last good law:", err=True)
        for fault in refused:
            click.echo(f"  {fault}", err=True)


@contextmanager
def _complaints() -> Iterator[None]:
    """Exit code 2 for what cannot be asked, where 1 is an answer."""
    try:
        yield
    except Misshapen as error:
        click.echo(
            "\n".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.faults), err=True
        )
        sys.exit(2)
    except (BadPolicy, Refusal) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
