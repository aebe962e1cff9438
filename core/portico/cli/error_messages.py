"""Prints errors of commands in words: what happened and what to do, without a traceback and without control characters."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from portico.errors import DomainError, OperatorError, error_location
from portico.terminal.text import shortened

#: Start of the message about an error that no part of Portico expects.
BUG = "This is a bug in Portico or in a plugin"


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Print an error that the block raises, and exit with 1. Errors of click are printed by click."""
    try:
        yield
    except (OperatorError, DomainError) as error:
        from portico.db.errors import in_words

        refuse(in_words(error))
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        refuse(": ".join(filter(None, (" → ".join(names), error.strerror or str(error)))))
    except Exception as error:  # noqa: BLE001 - the last resort
        _report_bug(error)


def refuse(message: str) -> NoReturn:
    """Print why a command cannot be carried out, and exit with 1. `message`: each line is a sentence."""
    from portico.settings.masking import sentence_without_credentials

    lines = [
        shortened(sentence_without_credentials(line, urls_only=True))
        for line in message.splitlines()
    ]
    click.echo("\n  ".join(["Portico cannot do that:", *lines]), err=True)
    sys.exit(1)


def _report_bug(error: Exception) -> NoReturn:
    """Print where an unexpected error was raised. Its own text may contain a secret, so it is left out."""
    import structlog

    if structlog.is_configured():  # else the level of the settings is not known
        frames = "".join(traceback.format_tb(error.__traceback__))
        structlog.get_logger("portico.cli").debug("command failed", frames=frames)
    click.echo(
        f"{BUG}: {type(error).__name__} at {error_location(error)}. Please report it; with GLOBAL_LOG_LEVEL=debug, the "
        "log shows how it came about.",
        err=True,
    )
    sys.exit(1)
