"""`portico import openwebui`: what people have afterwards, and what an import that was interrupted leaves."""

from pathlib import Path

import pytest
from tests.openwebui import MadeUpInstance, write_sqlite, write_uploads
from tests.openwebui.comparison import differences
from tests.upstream import Upstream

from portico.testing import CommandLine, InProcessApp


def rows(output: str) -> dict[str, list[int]]:
    """The table that the command prints: the numbers by kind."""
    words = [line.split() for line in output.splitlines()]
    return {
        one[0]: [int(n) for n in one[1:]] for one in words if len(one) == 5 and one[1].isdigit()
    }


@pytest.mark.both_databases
@pytest.mark.parametrize("version", ["0.6.41", "0.12.4"])
def test_people_have_everything_that_they_had(
    version: str, cli: CommandLine, env: dict[str, str], tmp_path: Path, upstream: Upstream
) -> None:
    made = MadeUpInstance(version, accounts=6, models=10, chats=72, messages=300)
    path = write_sqlite(tmp_path / "webui.db", made)
    uploads = write_uploads(tmp_path / "uploads", made)
    words = ("import", "openwebui", path, "--files", uploads, "--keep-admins")
    tried = cli(*words, "--dry-run")
    done = cli(*words)
    taken = rows(done.stdout)
    assert rows(tried.stdout) == taken, tried.stdout
    assert taken["chats"] == [72, 0, 0, 0]
    assert taken["models"] == [10, 0, 0, 0]
    assert "notes: 1 × Portico has none" in done.stdout
    again = rows(cli(*words).stdout)
    assert {kind: numbers[1] for kind, numbers in again.items()} == {
        kind: numbers[0] for kind, numbers in taken.items()
    }
    app = InProcessApp(env | upstream.environment)
    try:
        assert differences(app.client, made) == []
    finally:
        app.close()
