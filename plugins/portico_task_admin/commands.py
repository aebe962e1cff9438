"""`portico task …`: the background tasks of all accounts."""

import asyncio
from contextlib import AbstractContextManager
from typing import Any

import click

from portico.api import AppContext, CommandContext
from portico.api.auth import Actor
from portico.api.cli import format_time, json_option, not_found, print_json, printable, progress_bar
from portico_task_admin.schemas import TaskView
from portico_task_admin.service import STATUSES, TaskQuery

#: Seconds between two looks at a task that is followed.
FOLLOW_SECONDS = 0.3
#: Length of a progress bar whose task does not say how much there is to do.
_UNKNOWN_LENGTH = 1
_ENDED = ("completed", "cancelled", "failed")
#: Commands may do what administrators may.
_OPERATOR = Actor("", "", "", "admin", "", "")


@click.group()
def task() -> None:
    """Show background tasks, cancel them, and run failed ones again."""


@task.command("list")
@click.option("--status", type=click.Choice(STATUSES), default=None, help="Only those.")
@click.option("--name", default="", help="Only tasks of this type, such as `generation:title`.")
@click.option("--item", default="", help="Only tasks about this, such as the id of a chat.")
@click.option("--before", default="", help="Only tasks that are older than the one with this id.")
@json_option
@click.pass_obj
def list_tasks(
    context: CommandContext, /, before: str, status: str | None, as_json: bool, **filters: Any
) -> None:
    """List the newest 50 tasks."""
    query = TaskQuery(status=status or "", **filters)
    with _no_such_task():
        page = context.run(lambda _: context.plugin.page(_OPERATOR, query, before))
    if as_json:
        print_json(page)
        return
    for one in page.tasks:
        click.echo(_line(one))
    if page.next is not None:
        click.echo(f"For older tasks, add: --before {page.next}", err=True)
    if not page.tasks:
        click.echo("No tasks.", err=True)


@task.command()
@click.argument("task_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Show its progress until it ends.")
@json_option
@click.pass_obj
def show(context: CommandContext, task_id: str, follow: bool, as_json: bool) -> None:
    """Show one task. With --follow, exits with 0 if it has completed, else with 1."""

    async def work(_: AppContext) -> TaskView:
        found: TaskView = await context.plugin.find(_OPERATOR, task_id)
        return await _follow(context, found) if follow else found

    with _no_such_task():
        found = context.run(work)
    if as_json:
        print_json(found)
    else:
        click.echo(_description(found))
    if follow and found.status != "completed":
        raise SystemExit(1)


@task.command()
@click.argument("task_id", metavar="ID")
@click.pass_obj
def retry(context: CommandContext, task_id: str) -> None:
    """Run a task again that has failed or was cancelled."""
    with _no_such_task():
        context.run(lambda _: context.plugin.retry(_OPERATOR, task_id))
    click.echo("The task is due now.", err=True)


@task.command()
@click.argument("task_id", metavar="ID")
@click.pass_obj
def cancel(context: CommandContext, task_id: str) -> None:
    """End a task. Exits with 1 if its process has not confirmed that within five seconds."""
    with _no_such_task():
        found = context.run(lambda _: context.plugin.cancel(_OPERATOR, task_id))
    if found.status == "running":
        click.echo("The task is to end, and its process has not confirmed it yet.", err=True)
        raise SystemExit(1)
    click.echo(f"The task is {found.status}.", err=True)


def _no_such_task() -> AbstractContextManager[None]:
    return not_found("There is no such task. `portico task list` lists the newest ones.")


async def _follow(context: CommandContext, found: TaskView) -> TaskView:
    """Show a progress bar until the task ends, and return it then."""
    with progress_bar(printable(found.name), _UNKNOWN_LENGTH) as bar:
        while found.status not in _ENDED:
            _show_progress(bar, found)
            await asyncio.sleep(FOLLOW_SECONDS)
            found = await context.plugin.find(_OPERATOR, found.id)
        _show_progress(bar, found)
        if found.status == "completed":
            bar.update((bar.length or 0) - bar.pos)
    return found


def _show_progress(bar: Any, found: TaskView) -> None:
    progress = found.progress
    bar.length = max(progress.total, _UNKNOWN_LENGTH)
    bar.item_show_func = lambda _: printable(progress.text or found.status)
    bar.update(min(progress.done if progress.total else 0, bar.length) - bar.pos)


def _line(one: TaskView) -> str:
    done = f"{one.progress.done}/{one.progress.total}" if one.progress.total else ""
    return printable(
        f"{one.id}  {format_time(int(one.created_at))}  {one.status:<9} {done:>9}  {one.name:<28} {one.item}"
    )


def _description(one: TaskView) -> str:
    progress = one.progress
    done = (
        f"{progress.done} of {progress.total} {progress.text}" if progress.total else progress.text
    )
    fields = {
        "id": one.id,
        "name": one.name,
        "status": f"{one.status}, to be cancelled" if one.cancel_requested else one.status,
        "account": one.user_id or "",
        "about": one.item,
        "progress": done,
        "tries": str(one.tries),
        "created": format_time(int(one.created_at)),
        "due": format_time(int(one.run_at)),
        "started": "" if one.started_at is None else format_time(int(one.started_at)),
        "finished": "" if one.finished_at is None else format_time(int(one.finished_at)),
        "error": one.error or "",
    }
    return "\n".join(f"{name:<9} {printable(text)}" for name, text in fields.items() if text)
