"""`portico file check` finds what does not fit together."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.files.uploads import contents, upload

from portico.boot import Application
from portico.testing import CommandLine, InProcessApp


@pytest.mark.both_databases
def test_check_finds_files_and_contents_without_each_other(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
    directory: Path,
    cli: CommandLine,
) -> None:
    app = InProcessApp(env, complete_schema)
    ada = app.client.sign_up("Ada")
    kept, lost = (upload(ada, name, b"x")["id"] for name in ("a.txt", "b.txt"))
    app.close()
    assert "2 files checked." in cli("file", "check").stdout
    (directory / lost[:2] / lost).unlink()
    (directory / "zz").mkdir()
    (directory / "zz" / "zz-other").touch()
    assert json.loads(cli("file", "check", "--json", code=1).stdout) == {
        "files": 2,
        "files_without_content": [lost],
        "objects_without_file": ["zz-other"],
    }
    output = cli("file", "check", "--repair", code=1).stdout
    assert f"file without content: {lost}" in output
    assert contents(directory) == {kept: b"x"}
