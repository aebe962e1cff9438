"""What all commands have in common, those of plugins included: `--data-dir`, and no empty arguments."""

import math
from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

OPTION = "--data-dir"
#: Key of the words of the whole command in `Context.meta`.
_WORDS = "portico.words"


def data_dir_option(*, is_used: bool) -> click.Option:
    """Return the option. `is_used`: it is that of the root command, which alone receives the value."""
    return click.Option(
        [OPTION],
        type=click.Path(file_okay=False),
        callback=checked_value,
        expose_value=is_used,
        help="Directory of the database, the secret key and other files. Sets DATA_DIR.",
    )


def option_first(words: Sequence[str]) -> list[str]:
    """Return the words of a command with `--data-dir` moved to the front, where the root command reads it.

    The commands of plugins are made from the settings, so it has to be known before the words behind it are read.
    """
    front, rest, following = list[str](), list[str](), iter(words)
    for word in following:
        if word == "--":
            rest += [word, *following]
        elif word == OPTION and (value := list(islice(following, 1))):
            front += [word, *value]
        elif word.startswith(f"{OPTION}="):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def remember_words(context: click.Context, words: Sequence[str]) -> None:
    """Keep the words of the whole command for `with_shared_options`."""
    context.meta[_WORDS] = list(words)


def with_shared_options(command: click.Command) -> click.Command:
    """Return a copy of a command, with its subcommands, that lists `--data-dir` and refuses empty arguments."""
    shared = copy(command)
    if isinstance(command, click.Group) and isinstance(shared, click.Group):
        shared.commands = {name: with_shared_options(one) for name, one in command.commands.items()}
    elif not (command.hidden or any(OPTION in one.opts for one in command.params)):
        shared.params = [*command.params, data_dir_option(is_used=False)]
    if command.callback is not None:
        shared.callback = _refusing_empty(command.callback)
    return shared


def _refusing_empty(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callback that fails if an argument is the empty text, which a script's unset variable becomes."""

    @wraps(callback)
    def checked(*args: Any, **options: Any) -> Any:
        context = click.get_current_context()
        for parameter in context.command.params:
            name = parameter.name or ""
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                value = context.params.get(name)
                for one in value if isinstance(value, tuple) else (value,):
                    checked_value(context, parameter, one)
        return callback(*args, **options)

    return checked


def checked_value(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return a value that is neither an empty or blank text nor an infinite number. A callback of click."""
    if isinstance(value, float) and not math.isfinite(value):
        raise click.BadParameter("it is not finite.", context, parameter)
    # Of an empty path, only the words of the command tell that it was empty.
    if (
        isinstance(value, str)
        and not value.strip()
        or value == Path()
        and "" in context.meta.get(_WORDS, ())
    ):
        raise click.BadParameter("it is empty.", context, parameter)
    return value
