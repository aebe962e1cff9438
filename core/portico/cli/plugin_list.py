"""`portico plugin list`: the installed plugins, as serving would find them."""

import click

from portico.cli.context import CLIContext
from portico.terminal.options import json_option
from portico.terminal.text import print_json


@click.group()
def plugin() -> None:
    """Show the installed plugins."""


@plugin.command("list")
@json_option
@click.pass_obj
def list_plugins(context: CLIContext, as_json: bool) -> None:
    """List all installed plugins: state, reason, and what each contributes.

    Starts as `portico serve` does, with migrations, policies, routes and the startup of all plugins, but on a copy of the
    database, which it deletes again.
    """
    found = context.check_start()
    for refusal in found.refusals:
        click.echo(f"The server would not start: {refusal}", err=True)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        print_json(found.plugins)
        return
    width = max((len(one["name"]) for one in found.plugins), default=4)
    for one in found.plugins:
        mark = {"active": "●", "disabled": "○", "failed": "✗"}[one["state"]]
        click.echo(
            f"{mark} {one['name']:<{width}}  {one['version']:<8} {one['state']:<9} {one['summary']}"
        )
        indent = " " * (width + 4)
        if one["fault"]:
            click.echo(f"{indent}fault: {one['fault']}{' at ' if one['at'] else ''}{one['at']}")
        if one["reason"]:
            click.echo(f"{indent}reason: {one['reason']}")
        for provider, reason in one["unusable"].items():
            click.echo(f"{indent}disabled: auth provider {provider}: {reason}")
        for kind, things in one["contributes"].items():
            click.echo(f"{indent}{kind}: {', '.join(things)}")
