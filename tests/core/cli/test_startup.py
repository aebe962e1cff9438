"""Commands start without the web framework and the HTTP client, which take half of the time of a start."""

import json
import subprocess
import sys
from collections.abc import Mapping

from tests.one_database import database_url  # noqa: F401 - a fixture

HEAVY = {"litestar", "aiohttp"}

COMMANDS = (["--help"], ["user", "--help"], ["config"], ["user", "list"])

RUN = f"""
import json, sys
from portico.cli import main

for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as exit:
        assert exit.code in (None, 0), (words, exit.code)
    print(*words, "imports", *sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)
"""


def test_command_imports_neither_web_framework_nor_http_client(env: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(COMMANDS)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(env),
    )
    assert done.stdout
    assert done.stderr.splitlines() == [" ".join([*words, "imports"]) for words in COMMANDS]
