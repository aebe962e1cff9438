"""`portico policy …`: for whoever sits at the server, also when nobody can sign in any more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.api import (
    AccessChange,
    AppContext,
    CommandContext,
    DomainError,
    InvalidPolicy,
    ValidationError,
    format_time,
    printable,
)
from portico_policy_admin import policy_changes, policy_queries, terminal
from portico_policy_admin.policy_queries import rules_of

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
def show(key: CommandContext, as_json: bool) -> None:
    """Print every line in force and where it stands.

    Behind a line are the names of the groups and accounts that it means, and whether it is idle.
    """

    async def work(app: AppContext) -> Any:
        return await rules_of(app, app.permissions.policies), app.policies.rejected

    lines, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(lines)
        return
    for text in terminal.format_rules(lines):
        click.echo(text)


@policy.command()
@click.argument("directory", type=FOLDER, required=False)
@click.pass_obj
def check(key: CommandContext, directory: Path | None) -> None:
    """See whether the pages in DIRECTORY are good.

    Default: the configured one. Each fault is printed as `file:line: reason`; the exit code is then 1. Ids of groups and accounts that there are
    not, and pages that replace others, are pointed out, and are no faults.
    """

    async def work(app: AppContext) -> Any:
        place = directory or app.policies.drafts.directory
        if place is None:
            raise click.UsageError("Name a directory, or set access.policy_dir.")
        return place, await policy_changes.check(app, place.absolute())

    place, verdict = key.run(work, packaged_policies_only=True)
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
def explain(key: CommandContext, user: str, action: str, resource: str, as_json: bool) -> None:
    """Say whether USER may do ACTION to RESOURCE, and by which line.

    USER is an id or an e-mail address. RESOURCE is a kind and an id, such as `model:legal-desk`, or just a kind for
    what can be done with it in general, such as `model`. The exit code is 0 for yes, 1 for no, 2 if it cannot be
    asked.
    """
    kind, _, thing = resource.partition(":")

    async def work(app: AppContext) -> Any:
        return await policy_queries.explain(app, user, action, kind, thing), app.policies.rejected

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(terminal.format_explanation(found)))
    sys.exit(0 if found.allowed else 1)


@policy.command()
@click.argument("action")
@click.argument("resource")
@as_json
@click.pass_obj
def who(key: CommandContext, action: str, resource: str, as_json: bool) -> None:
    """List everybody who may do ACTION to RESOURCE.

    Each is shown with a line that lets them. RESOURCE is as for `explain`.
    """
    kind, _, thing = resource.partition(":")

    async def work(app: AppContext) -> Any:
        return await policy_queries.allowed_accounts(
            app, action, kind, thing, page=0
        ), app.policies.rejected

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    if as_json:
        _print_json(found.people)
        return
    for text in terminal.format_accounts(found.people):
        click.echo(text)
    if not found.people:
        click.echo("Nobody may.")


@policy.command()
@click.argument("new_dir", type=FOLDER)
@as_json
@click.option("--summary", is_flag=True, help="Only how many gain and lose.")
@click.pass_obj
def diff(key: CommandContext, new_dir: Path, as_json: bool, summary: bool) -> None:
    """Show who would gain or lose what with NEW_DIR.

    NEW_DIR is taken in the place of the configured directory. Everybody and everything is looked at, and nothing is changed. The exit code is 0 if all stays as it is, 1 if
    somebody gains or loses something, 2 if the pages are no good.
    """
    directory = new_dir.absolute()

    async def work(app: AppContext) -> Any:
        with click.progressbar(length=1, label="Looking at everybody", file=sys.stderr) as bar:

            def progress(done: int, of: int) -> None:
                bar.length = of
                bar.update(done - bar.pos)

            found = await policy_changes.compare_directory(app, directory, progress)
            bar.update((bar.length or 1) - bar.pos)
        return found, app.policies.rejected

    with _complaints():
        found, refused = key.run(work)
    _warn(refused)
    _print_shifts(found, as_json, summary)
    sys.exit(1 if found else 0)


@policy.command()
@as_json
@click.pass_obj
def versions(key: CommandContext, as_json: bool) -> None:
    """List the last 20 saves of pages over HTTP, newest first."""
    found = key.run(policy_changes.versions, packaged_policies_only=True).versions
    if as_json:
        _print_json(found)
        return
    for one in found:
        name = one.author_name or one.author or "command line"
        pages = ", ".join(one.pages) or "no pages"
        click.echo(printable(f"{one.number:>5}  {format_time(one.at)}  {name:20} {pages}"))
    if not found:
        click.echo("Nothing was ever saved.")


@policy.command()
@click.argument("number", type=click.IntRange(0))
@click.pass_obj
def rollback(key: CommandContext, number: int) -> None:
    """Go back to the saved pages of version NUMBER.

    0 = as if nothing had been saved. Works also when the pages saved last keep the server from starting.
    """
    saved = key.run(
        lambda app: policy_changes.roll_back(app, number, author=""), packaged_policies_only=True
    )
    click.echo(f"The saved pages are those of version {number} again; this is version {saved}.")


def _print_shifts(found: list[AccessChange], as_json: bool, summary: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for text in terminal.format_totals(found) if summary else terminal.format_changes(found):
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
    except ValidationError as error:
        click.echo(
            "\n".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.faults), err=True
        )
        sys.exit(2)
    except (InvalidPolicy, DomainError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
