"""Runs core commands in this process, without starting an interpreter."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from click.testing import CliRunner, Result

from portico.cli.commands import backup, config, db, migrate, plugin, secret
from portico.cli.context import CLIContext
from portico.errors import DomainError, OperatorError
from portico.server.logging import configure_logging
from portico.settings.schema import LogSettings

CORE = {one.name: one for one in (backup, config, db, migrate, plugin, secret)}
Command = Callable[..., str]


@pytest.fixture
def command(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """`command("migrate", "--check", code=1)` returns the output and the error message."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def command(*words: str, code: int = 0) -> str:
        done: Result = CliRunner().invoke(CORE[words[0]], list(words[1:]), obj=CLIContext(None))
        if isinstance(done.exception, OperatorError | DomainError):
            assert code == 1, done.exception
            return done.output + str(done.exception)
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    yield command
    configure_logging(LogSettings())  # the streams of the runner are closed
