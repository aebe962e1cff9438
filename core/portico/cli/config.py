"""`portico config`: all settings with their origin, and the changes that administrators made at run time."""

import click

from portico.cli.context import CLIContext
from portico.terminal.errors import not_found
from portico.terminal.options import json_option
from portico.terminal.text import format_time, print_json, printable


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """Print every setting with its value and origin. Secrets are masked.

    Ends with 1 if settings of a plugin are wrong, which are then printed on standard error.

    What administrators have changed at run time is in `portico config history`.
    """
    if ctx.invoked_subcommand is not None:
        return
    from portico.plugins.registry import FaultKind
    from portico.settings.describe import describe, format_table

    context: CLIContext = ctx.obj
    application = context.application()
    schemas = {
        contribution.plugin_name: type(contribution.settings)
        for contribution in application.contributions
        if contribution.settings
    }
    rows = describe(context.load_settings(), schemas)
    if as_json:
        print_json(rows)
    else:
        click.echo(format_table(rows))
    unread = [one for one in application.registry.failed if one.fault == FaultKind.SETTINGS]
    for record in unread:
        click.echo(printable(f"Plugin {record.name!r} is not loaded: {record.reason}"), err=True)
    ctx.exit(1 if unread else 0)


@config.command()
@click.argument("setting", default="")
@click.option("--before", type=click.IntRange(1), help="Only changes with a smaller number.")
@json_option
@click.pass_obj
def history(context: CLIContext, setting: str, before: int | None, as_json: bool) -> None:
    """List who changed which runtime settings when, and what they were before.

    50 changes, newest first. SETTING is a variable, such as DEFAULT_MODELS, or a path, such as ui.default_models.
    """
    from portico.settings.masking import shown

    found = context.run(lambda app: app.settings_changes.page(before, setting))
    if as_json:
        print_json(found)
        return
    for change in found:
        author = change.author_name or change.author or "command line"
        click.echo(printable(f"{change.number:>5}  {format_time(change.at)}  {author}"))
        for one in change.settings:
            old = shown(one.old) if one.was_stored else "the default"
            click.echo(printable(f"       {one.variable or one.key}: was {old}"))
    if not found:
        click.echo("No change is kept.")


@config.command()
@click.argument("number", type=click.IntRange(1))
@click.argument("setting", default="")
@click.pass_obj
def undo(context: CLIContext, number: int, setting: str) -> None:
    """Store what the settings of change NUMBER were before it; with SETTING, only that one.

    A running server applies it within a second.
    """
    with not_found(
        "There is no such change, or not of this setting. `portico config history` lists all changes."
    ):
        context.run(lambda app: app.settings_changes.undo(number, "", setting))
    click.echo(f"Undone: change {number}.")
