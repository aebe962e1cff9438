"""The root command. Plugins are imported only when a command needs them, so that the core's commands start fast."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from portico import __version__
from portico.cli.context import CLIContext
from portico.cli.error_messages import errors_in_words, refuse
from portico.cli.shared_options import (
    checked_value,
    data_dir_option,
    option_first,
    remember_words,
    with_shared_options,
)
from portico.terminal.text import shortened


class PluginGroup(click.Group):
    """A group that loads the commands of plugins when a command is unknown, or all are listed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loaded = False

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command of the core or of a plugin, with the options that all have."""
        super().add_command(with_shared_options(cmd), name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options of the root command, of which `--data-dir` may stand anywhere."""
        remember_words(ctx, args)
        with _clear_messages():
            return super().parse_args(ctx, option_first(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named."""
        with _clear_messages():
            return super().invoke(ctx)

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
        from portico.cli.plugin_commands import plugin_commands
        from portico.plugins.isolation import PluginError

        application = _context(ctx).application()
        with application.isolation.sharing(application.settings.server.start_limit / 4):
            found = plugin_commands(application, set(self.commands))
        for sentences in found.refused.values():
            for sentence in sentences:
                click.echo(sentence, err=True)
        for name, (contribution, command) in found.by_name.items():
            plugin = contribution.plugin_name
            bound = copy(command)
            obj = ctx.obj.for_plugin(contribution)
            try:
                bound.context_settings = {**command.context_settings, "obj": obj}
                application.isolation.call(
                    plugin, f"adding the command {name}", partial(self.add_command, bound, name)
                )
            except PluginError as error:
                click.echo(
                    f"The command {name!r} of plugin {plugin} is missing: {error.reason}", err=True
                )


@contextmanager
def _clear_messages() -> Iterator[None]:
    """Shorten the arguments that errors of click repeat, escape their control characters, and name a missing answer."""
    try:
        yield
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        raise click.ClickException(
            "This command asks a question, and standard input has no answer. Run it in a terminal, or see its --help for an "
            "option that answers."
        ) from None
    except click.ClickException as error:
        error.message = "\n".join(map(shortened, error.message.splitlines()))  # type: ignore[misc]
        raise


def _context(ctx: click.Context) -> CLIContext:
    """Return the context of this command, made from the options of the root command."""
    ctx.obj = ctx.obj or CLIContext(ctx.params.get("config"), ctx.params.get("data_dir"))
    found: CLIContext = ctx.obj
    return found


@click.pass_context
def _prepare(ctx: click.Context, /, **_options: Any) -> None:
    _context(ctx)


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
                callback=checked_value,
                help="Settings file (TOML). Default: the file in PORTICO_CONFIG, else ./portico.toml if it exists.",
            ),
            data_dir_option(is_used=True),
        ],
    )
    commands.register(root)
    return click.version_option(__version__, prog_name="portico")(root)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line. No error is printed with a traceback.

    `words`: arguments; None = those of this process. Always raises SystemExit.
    """
    _open_closed_streams()
    try:
        run_command(command_line(), words)
    except SystemExit as end:
        if words is None and isinstance(end.code, int | None):
            _end_with_threads(end.code or 0)
        raise


def _end_with_threads(code: int) -> None:
    """End the process if threads of plugins are left, for which Python would wait."""
    main_thread = threading.main_thread()
    if any(one is not main_thread and not one.daemon for one in threading.enumerate()):
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _open_closed_streams() -> None:
    """Open the standard streams that the caller has closed (`portico … >&-`), so that no other file gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


def run_command(
    root: click.Group, words: Sequence[str] | None, context: CLIContext | None = None
) -> NoReturn:
    """Run one command of `root` and exit. `context`: what commands are given; None = a new one."""
    given = sys.argv[1:] if words is None else words
    if any("\ud800" <= character <= "\udfff" for word in given for character in word):
        # Python's form of other bytes, which no database and no encoding takes.
        refuse("an argument is not UTF-8, or the locale is not: set LANG=C.UTF-8")
    if any("\0" in word for word in given):
        refuse("an argument contains U+0000")
    with errors_in_words():
        root.main(words, prog_name=None if words is None else "portico", obj=context)
    sys.exit(0)
