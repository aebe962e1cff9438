"""The root command. Plugins are imported only when a command needs them, so that the core's commands start fast."""

import sys
from collections.abc import Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import click

from portico import __version__
from portico.cli.context import CLIContext
from portico.errors import DomainError, OperatorError


class PluginGroup(click.Group):
    """A group that loads the commands of plugins when a command is unknown, or all are listed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loaded = False

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command of the core or of a plugin."""
        found = super().get_command(ctx, name)
        if found is None:
            self._load_plugin_commands(ctx)
            found = super().get_command(ctx, name)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, for `--help`."""
        self._load_plugin_commands(ctx)
        return super().list_commands(ctx)

    def _load_plugin_commands(self, ctx: click.Context) -> None:
        if self._loaded:
            return
        self._loaded = True
        from portico.plugins import isolation
        from portico.plugins.contributions import hook_of

        ctx.obj = ctx.obj or CLIContext(ctx.params.get("config"))
        application = ctx.obj.application()
        core = set(self.commands)
        for contribution in application.contributions:
            call = hook_of(application.manager, contribution.plugin_name, "register_commands")
            if call is None:
                continue
            plugin_commands = click.Group()
            arguments = {
                "cli": plugin_commands,
                "settings": contribution.settings,
                "plugin": contribution.components,
            }
            try:
                isolation.call(
                    contribution.plugin_name, "register_commands", partial(call, **arguments)
                )
            except isolation.PluginError as error:
                click.echo(
                    f"The commands of plugin {error.plugin} are missing: {error.reason}", err=True
                )
                continue
            for name, command in plugin_commands.commands.items():
                if name in core:
                    click.echo(
                        f"The command {name!r} of plugin {contribution.plugin_name} is missing: the core has one of that name.",
                        err=True,
                    )
                else:
                    bound = copy(command)
                    obj = ctx.obj.for_plugin(contribution)
                    bound.context_settings = {**command.context_settings, "obj": obj}
                    self.add_command(bound, name)


@click.pass_context
def _prepare(ctx: click.Context, config: Path | None) -> None:
    ctx.obj = ctx.obj or CLIContext(config)


def command_line() -> click.Group:
    """Return the root command with the core's commands. Commands of plugins are added when they are needed."""
    from portico.cli import commands

    root = PluginGroup(
        "portico",
        help=(
            "Run and administer Portico, a server for chatting with AI models on your own machine.\n\n"
            "`portico serve` starts the server. The other commands work on its database and settings, most of them also "
            "while it runs."
        ),
        callback=_prepare,
        context_settings={"help_option_names": ["-h", "--help"]},
        params=[
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path),
                help="Settings file (TOML). Default: the file in PORTICO_CONFIG, else ./portico.toml if it exists.",
            )
        ],
    )
    commands.register(root)
    return click.version_option(__version__, prog_name="portico")(root)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line. Errors that an operator can correct are printed without a traceback.

    `words`: arguments; None = those of this process. Always raises SystemExit.
    """
    given = sys.argv[1:] if words is None else words
    if any("\ud800" <= character <= "\udfff" for word in given for character in word):
        # Python's form of other bytes, which no database and no encoding takes.
        click.echo("Portico cannot do that:\n  an argument is not UTF-8", err=True)
        sys.exit(1)
    try:
        command_line()(words, prog_name=None if words is None else "portico")
    except (OperatorError, DomainError) as error:
        from portico.db.errors import in_words

        message = in_words(error)
        click.echo("\n  ".join(["Portico cannot do that:", *message.splitlines()]), err=True)
        sys.exit(1)
