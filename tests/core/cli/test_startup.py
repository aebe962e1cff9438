"""Commands start without the web framework and the HTTP client, which take half of the time of a start."""

import subprocess
import sys
from collections.abc import Mapping

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

HEAVY = {"litestar", "aiohttp"}

RUN = f"""
import sys
from portico.cli import main

try:
    main(sys.argv[1:])
finally:
    print(*sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)
"""


def imported_by(env: Mapping[str, str], *words: str) -> set[str]:
    """The heavy packages that a command imports, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        capture_output=True,
        text=True,
        check=True,
        env=dict(env),
    )
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["user", "--help"], ["config"], ["user", "list"]])
def test_command_imports_neither_web_framework_nor_http_client(
    env: Mapping[str, str], words: list[str]
) -> None:
    assert imported_by(env, *words) == set()
