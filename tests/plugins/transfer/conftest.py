"""Fixtures: a second, empty instance on a database of the same kind."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.database_templates import Templates
from tests.plugins.transfer.archives import report_of
from tests.servers import fresh_database

from portico.boot import Application
from portico.testing import CommandLine, InProcessApp


@dataclass(frozen=True)
class Elsewhere:
    """Another instance: its command line, and its application once it is opened."""

    cli: CommandLine
    env: Mapping[str, str]
    open: Callable[[], InProcessApp]


@pytest.fixture
def elsewhere(
    env: dict[str, str],
    database_url: str,
    tmp_path: Path,
    templates: Templates,
    complete_schema: Callable[[Application], None],
    request: pytest.FixtureRequest,
) -> Iterator[Elsewhere]:
    opened: list[InProcessApp] = []

    def at(url: str) -> Elsewhere:
        there = env | {"DATA_DIR": str(tmp_path / "elsewhere")}
        there |= {"DATABASE_URL": url} if url else {}
        templates.create_for(there)

        def start() -> InProcessApp:
            opened.append(InProcessApp(there))
            return opened[-1]

        return Elsewhere(CommandLine(there, tmp_path), there, start)

    if database_url:
        with fresh_database(request.getfixturevalue("postgres")) as url:
            yield at(url)
            for one in opened:
                one.close()
    else:
        yield at("")
        for one in opened:
            one.close()


@pytest.fixture
def import_archive(
    cli: CommandLine, env: dict[str, str], templates: Templates, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """Imports an archive here; returns the state or the reason of each record by kind and id, the notes, and the output."""

    templates.create_for(env)

    def run(archive: Path, *options: str, code: int = 0) -> dict[str, Any]:
        done = cli(
            "import", "archive", archive, *options, "--report", tmp_path / "report", code=code
        )
        lines = report_of(tmp_path / "report")
        found: dict[str, Any] = {"output": done.stdout, "counts": lines[-1]["counts"]}
        found["notes"] = {one["note"]: one["count"] for one in lines if "note" in one}
        for one in lines:
            if "state" in one:
                found.setdefault(one["kind"], {})[one["id"]] = one["reason"] or one["state"]
        return found

    return run
