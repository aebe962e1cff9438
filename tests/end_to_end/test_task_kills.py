"""Server processes are killed while they run tasks: each effect happens exactly once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.task_kills import (
    create_effect,
    create_effects,
    effects_of,
    kill_at_random,
)

from portico.testing import InProcessApp, ServerProcess

TASKS = 40


@pytest.fixture
def app(creating_app: InProcessApp) -> InProcessApp:
    return creating_app


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


@pytest.mark.both_databases
@pytest.mark.case("FT-24")
def test_each_effect_happens_once_while_servers_are_killed(
    app: InProcessApp, two_servers: list[ServerProcess]
) -> None:
    created = create_effects(app, TASKS, seconds=0.4)
    assert kill_at_random(app, two_servers, kills=3, seconds=0.4) > 0
    assert effects_of(app) == dict.fromkeys(created, 1)


@pytest.mark.both_databases
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
