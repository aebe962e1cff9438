"""`portico plugin list`: the installed plugins, as serving would find them."""

import click

from portico.cli.context import CLIContext
from portico.terminal import json_option, print_json


@click.group()
def plugin() -> None:
    """Show the installed plugins."""


@plugin.command("list")
@json_option
@click.pass_obj
def list_plugins(context: CLIContext, as_json: bool) -> None:
    """List all installed plugins: state, reason, and what each contributes."""
    from portico.cli.commands import core_commands
    from portico.cli.plugin_commands import describe_commands

    application = context.application(routes=True)
    registry = application.registry
    describe_commands(application, {str(one.name) for one in core_commands()})
    if as_json:
        print_json([record.described() for record in registry])
        return
    width = max((len(record.name) for record in registry), default=4)
    for record in registry:
        mark = {"active": "●", "disabled": "○", "failed": "✗"}[record.state]
        click.echo(
            f"{mark} {record.name:<{width}}  {record.version:<8} {record.state:<9} {record.summary}"
        )
        indent = " " * (width + 4)
        if record.fault:
            click.echo(f"{indent}fault: {record.fault}{f' at {record.at}' if record.at else ''}")
        if record.reason:
            click.echo(f"{indent}reason: {record.reason}")
        for provider, reason in record.unusable.items():
            click.echo(f"{indent}disabled: auth provider {provider}: {reason}")
        for kind, things in record.provides.items():
            click.echo(f"{indent}{kind}: {', '.join(things)}")
