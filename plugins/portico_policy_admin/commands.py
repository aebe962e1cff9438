"""`portico policy …`: on the server, even when no administrator can sign in."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from portico.api import AppContext, CommandContext, DomainError, ValidationError
from portico.api.cli import (
    format_time,
    json_option,
    not_found,
    print_json,
    printable,
    renamed_command,
    shortened,
)
from portico.api.policy import AccessChange, InvalidPolicy
from portico_policy_admin import policy_changes, policy_queries, terminal
from portico_policy_admin.policy_queries import rules_of

DIRECTORY = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Show, explain, check and roll back access policies.

    Policy files are packaged with Portico and its plugins. Files in the directory that access.policy_dir
    (PORTICO_ACCESS_POLICY_DIR) names override those of the same name, and files saved over HTTP override both. A
    running server applies a change within a second.
    """


@policy.command()
@json_option
@click.pass_obj
def show(context: CommandContext, as_json: bool) -> None:
    """Print every active rule with its file and line.

    Behind a rule are the names of the groups and accounts in it, and whether it is inactive.
    """

    async def work(app: AppContext) -> Any:
        return await rules_of(app, app.permissions.policies), app.policies.rejected

    rules, rejected = context.run(work)
    _warn(rejected)
    if as_json:
        print_json(rules)
        return
    for text in terminal.format_rules(rules):
        click.echo(text)


@policy.command()
@click.argument("directory", type=DIRECTORY, required=False)
@click.pass_obj
def check(context: CommandContext, directory: Path | None) -> None:
    """Check whether the policy files in DIRECTORY are valid.

    Without DIRECTORY, the configured one is checked. Each fault is printed as `file:line: reason`, and the exit code is
    then 1, as it is if there is no rule at all. Ids of groups and accounts that do not exist, and files that replace
    others, are noted; they are not faults. So are plugins that fail when serving: rules about their kinds of resources
    are inactive.
    """

    async def work(app: AppContext) -> Any:
        checked = directory or app.policies.builder.directory
        if checked is None:
            raise click.UsageError("Name a directory, or set access.policy_dir.")
        return checked, await policy_changes.check(app, checked.absolute())

    checked, result = context.run(work, packaged_policies_only=True, as_served=True)
    for warning in result.warnings:
        click.echo(f"note: {shortened(warning)}", err=True)
    for fault in result.faults:
        click.echo(shortened(fault), err=True)
    if result.faults:
        sys.exit(1)
    click.echo(f"{checked}: valid, {result.rules} rules in {result.files} files.")


@policy.command()
@click.argument("user")
@click.argument("action")
@click.argument("resource")
@json_option
@click.pass_obj
def explain(context: CommandContext, user: str, action: str, resource: str, as_json: bool) -> None:
    """Explain whether USER may do ACTION to RESOURCE, and by which rule.

    USER is an id or an e-mail address. RESOURCE is a kind and an id, such as `model:legal-desk`, or just a kind for
    actions on the collection, such as `model`. The exit code is 0 if it is allowed, 1 if it is denied, 2 after an
    error.
    """
    kind, _, resource_id = resource.partition(":")

    async def work(app: AppContext) -> Any:
        found = await policy_queries.explain(app, user, action, kind, resource_id)
        return found, app.policies.rejected

    with _exit_2_on_errors():
        found, rejected = context.run(work)
    _warn(rejected)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(terminal.format_explanation(found)))
    sys.exit(0 if found.allowed else 1)


@policy.command("who-can")
@click.argument("action")
@click.argument("resource")
@json_option
@click.pass_obj
def who_can(context: CommandContext, action: str, resource: str, as_json: bool) -> None:
    """List all accounts that may do ACTION to RESOURCE.

    Each is printed with a rule that allows it. RESOURCE is as for `explain`.
    """
    kind, _, resource_id = resource.partition(":")

    async def work(app: AppContext) -> Any:
        found = await policy_queries.allowed_accounts(app, action, kind, resource_id, page=0)
        return found, app.policies.rejected

    with _exit_2_on_errors():
        found, rejected = context.run(work)
    _warn(rejected)
    if as_json:
        print_json(found.accounts)
        return
    for text in terminal.format_accounts(found.accounts):
        click.echo(text)
    if not found.accounts:
        click.echo("No account is allowed this.")


policy.add_command(renamed_command("who", "portico policy who-can"))


@policy.command()
@click.argument("new_dir", type=DIRECTORY)
@json_option
@click.option("--summary", is_flag=True, help="Print only how many accounts gain and lose access.")
@click.pass_obj
def diff(context: CommandContext, new_dir: Path, as_json: bool, summary: bool) -> None:
    """Show which accounts would gain or lose access with NEW_DIR.

    NEW_DIR takes the place of the configured policy directory. All accounts and resources are compared, and nothing is
    changed. The exit code is 0 if no access changes, 1 if some does, 2 if the files are not valid.
    """
    directory = new_dir.absolute()

    async def work(app: AppContext) -> Any:
        with click.progressbar(length=1, label="Comparing accounts", file=sys.stderr) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            found = await policy_changes.compare_directory(app, directory, progress)
            bar.update((bar.length or 1) - bar.pos)
        return found, app.policies.rejected

    with _exit_2_on_errors():
        found, rejected = context.run(work)
    _warn(rejected)
    _print_changes(found, as_json, summary)
    sys.exit(1 if found else 0)


@policy.command()
@json_option
@click.pass_obj
def versions(context: CommandContext, as_json: bool) -> None:
    """List the last 20 versions of the policy files saved over HTTP, newest first."""
    found = context.run(policy_changes.versions, packaged_policies_only=True).versions
    if as_json:
        print_json(found)
        return
    for version in found:
        author = version.author_name or version.author or "command line"
        files = ", ".join(version.files) or "no files"
        click.echo(
            printable(f"{version.number:>5}  {format_time(version.at)}  {author:20} {files}")
        )
    if not found:
        click.echo("No version was ever saved.")


@policy.command()
@click.argument("number", type=click.IntRange(0))
@click.pass_obj
def rollback(context: CommandContext, number: int) -> None:
    """Save the policy files of version NUMBER as the latest version.

    0 = as if nothing had been saved. This also works when the files saved last keep the server from starting.
    """
    with not_found(
        f"There is no version {number} of the policy files. `portico policy versions` lists the last ones."
    ):
        saved = context.run(
            lambda app: policy_changes.roll_back(app, number, author=""),
            packaged_policies_only=True,
        )
    click.echo(f"Saved the files of version {number} as version {saved}.")


def _print_changes(found: list[AccessChange], as_json: bool, summary: bool) -> None:
    if as_json:
        print_json(found)
        return
    for text in terminal.format_totals(found) if summary else terminal.format_changes(found):
        click.echo(text)
    accounts = len({change.account_id for change in found})
    click.echo(
        f"{accounts} {'account gains or loses' if accounts == 1 else 'accounts gain or lose'} access."
        if found
        else "No account gains or loses access."
    )


def _warn(rejected: tuple[str, ...]) -> None:
    """Print that the policies shown are not the latest ones."""
    if rejected:
        click.echo("The latest policy files are rejected; these are the active ones:", err=True)
        for fault in rejected:
            click.echo(f"  {shortened(fault)}", err=True)


@contextmanager
def _exit_2_on_errors() -> Iterator[None]:
    """Exit with 2 after an error, because 1 is an answer."""
    try:
        yield
    except ValidationError as error:
        for fault in error.faults:
            click.echo(shortened(f"{fault['loc'][-1]}: {fault['msg']}"), err=True)
        sys.exit(2)
    except (InvalidPolicy, DomainError) as error:
        click.echo("\n".join(map(shortened, str(error).splitlines())), err=True)
        sys.exit(2)
