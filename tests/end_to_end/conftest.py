from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.database_templates import Templates
from tests.task_kills import WATCHES, install_effects, make_table
from tests.upstream import Upstream

from portico.boot import Application
from portico.testing import InProcessApp, ServerProcess


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment


@pytest.fixture
def two_apps(app: InProcessApp, env: dict[str, str]) -> Iterator[tuple[InProcessApp, InProcessApp]]:
    """Two instances on the same database, in this process: for tests about what instances share, not about processes."""
    other = InProcessApp(env)
    yield app, other
    other.close()


@pytest.fixture
def servers(
    env: dict[str, str], tmp_path: Path, templates: Templates
) -> Iterator[Callable[..., ServerProcess]]:
    """`servers(NAME="value")` is another process on the same database, not started yet. Its schema is complete."""
    made: list[ServerProcess] = []
    templates.create_for(env)

    def another(**settings: str) -> ServerProcess:
        directory = tmp_path / f"server-{len(made)}"
        directory.mkdir()
        made.append(ServerProcess(env | settings, directory))
        return made[-1]

    yield another
    for server in made:
        server.kill()


@pytest.fixture
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings with which a process finds the plugin of `tests.task_kills`, which this process finds too."""
    settings = install_effects(tmp_path)
    monkeypatch.syspath_prepend(settings["PYTHONPATH"])
    return settings


@pytest.fixture
def creating_app(
    env: dict[str, str],
    effects: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> Iterator[InProcessApp]:
    """An application that creates tasks and runs none."""
    opened = InProcessApp(env | WATCHES, complete_schema)
    make_table(opened)
    yield opened
    opened.close()
