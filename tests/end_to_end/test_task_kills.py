"""Server processes are killed while they run tasks: each effect happens exactly once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.task_kills import (
    WATCHES,
    create_effect,
    create_effects,
    effects_of,
    install_effects,
    kill_at_random,
    make_table,
)

from portico.boot import Application
from portico.testing import InProcessApp, ServerProcess

TASKS = 40


@pytest.fixture
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings with which a process finds the plugin, which this process finds too."""
    settings = install_effects(tmp_path)
    monkeypatch.syspath_prepend(settings["PYTHONPATH"])
    return settings


@pytest.fixture
def app(
    env: dict[str, str],
    effects: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> Iterator[InProcessApp]:
    """An application that creates tasks and runs none."""
    opened = InProcessApp(env | WATCHES, complete_schema)
    make_table(opened)
    yield opened
    opened.close()


@pytest.fixture
def two_servers(
    app: InProcessApp, env: dict[str, str], effects: dict[str, str], tmp_path: Path
) -> Iterator[list[ServerProcess]]:
    directories = [tmp_path / name for name in ("one", "two")]
    for directory in directories:
        directory.mkdir()
    servers = [ServerProcess(env | effects, directory) for directory in directories]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.kill()


@pytest.mark.case("FT-24")
def test_each_effect_happens_once_while_servers_are_killed(
    app: InProcessApp, two_servers: list[ServerProcess]
) -> None:
    created = create_effects(app, TASKS, seconds=0.4)
    assert kill_at_random(app, two_servers, kills=3, seconds=0.4) > 0
    assert effects_of(app) == dict.fromkeys(created, 1)


@pytest.mark.case("FT-26")
def test_task_that_kills_its_process_fails_and_one_killed_while_completing_has_one_effect(
    app: InProcessApp, env: dict[str, str], effects: dict[str, str], tmp_path: Path
) -> None:
    server = ServerProcess(env | effects, tmp_path).start()
    try:
        create_effect(app, "effects:poison", dies="always")
        once = create_effect(app, dies="once")
        kill_at_random(app, [], kills=0, seconds=0.1)
        assert effects_of(app) == {once: 1}
        assert server.client.get("/health").status == 200
    finally:
        server.kill()
