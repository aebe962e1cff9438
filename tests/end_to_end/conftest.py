from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.upstream import Upstream

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
def servers(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """`servers(NAME="value")` is another process on the same database, not started yet."""
    made: list[ServerProcess] = []

    def another(**settings: str) -> ServerProcess:
        directory = tmp_path / f"server-{len(made)}"
        directory.mkdir()
        made.append(ServerProcess(env | settings, directory))
        return made[-1]

    yield another
    for server in made:
        server.kill()
