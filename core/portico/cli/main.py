"""The root command. Plugins are imported only when a command needs them, so that `--help` is quick."""

import sys
from collections.abc import Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import click

from portico import __version__
from portico.cli.context import CommandContext
from portico.errors import DomainError, OperatorError


class PluginGroup(click.Group):
    """A group whose unknown commands may come from plugins."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked = False

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A core command, or a plugin's."""
        found = super().get_command(ctx, name)
        if found is None:
            self._load_plugin_commands(ctx)
            found = super().get_command(ctx, name)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Everything there is, for `--help`."""
        self._load_plugin_commands(ctx)
        return super().list_commands(ctx)

    def _load_plugin_commands(self, ctx: click.Context) -> None:
        if self._asked:
            return
        self._asked = True
        from portico.plugins import isolation
        from portico.plugins.contributions import hook_of

        ctx.obj = ctx.obj or CommandContext(ctx.params.get("config"))
        application = ctx.obj.application()
        core = set(self.commands)
        for contribution in application.contributions:
            call = hook_of(application.manager, contribution.plugin_name, "register_commands")
            if call is None:
                continue
            offered = click.Group()
            given = {
                "cli": offered,
                "settings": contribution.settings,
                "plugin": contribution.components,
            }
            try:
                isolation.call(
                    contribution.plugin_name, "register_commands", partial(call, **given)
                )
            except isolation.PluginError as fault:
                click.echo(f"plugin {fault.plugin} brings no commands: {fault.reason}", err=True)
                continue
            for name, command in offered.commands.items():
                if name in core:
                    click.echo(
                        f"plugin {contribution.plugin_name}: the command {name!r} is taken",
                        err=True,
                    )
                else:
                    bound = copy(command)
                    obj = ctx.obj.for_plugin(contribution)
                    bound.context_settings = {**command.context_settings, "obj": obj}
                    self.add_command(bound, name)


@click.pass_context
def _begin(ctx: click.Context, config: Path | None) -> None:
    ctx.obj = ctx.obj or CommandContext(config)


def command_line() -> click.Group:
    """The root command, with the core's commands; those of plugins are added once one is asked for."""
    from portico.cli import commands

    root = PluginGroup(
        "portico",
        help="A server for talking to AI models on your own machine.",
        callback=_begin,
        context_settings={"help_option_names": ["-h", "--help"]},
        params=[
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path),
                help="Settings file. Default: $PORTICO_CONFIG, else ./portico.toml if there is one.",
            )
        ],
    )
    commands.register(root)
    return click.version_option(__version__, prog_name="portico")(root)


def main(words: Sequence[str] | None = None) -> None:
    """The entry point. What a person can mend is said in words, without a traceback.

    `words`: arguments; None = those of this process. Always ends with SystemExit.
    """
    try:
        command_line()(words, prog_name=None if words is None else "portico")
    except (OperatorError, DomainError) as error:
        from portico.db.errors import in_words

        told = in_words(error)
        click.echo("\n  ".join(["Portico cannot do that:", *told.splitlines()]), err=True)
        sys.exit(1)
