"""Redis fails for some seconds while two servers generate and display replies."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.redis_server import RedisServer
from tests.soak.redis_outage import outage
from tests.upstream import Upstream

from portico.testing import ServerProcess

#: Longer than the time after which a server that does not answer is not used any more.
SECONDS = 3.0
#: Seconds between two requests. The suite looks at each kind during the outage; `python -m tests.soak.redis_outage`
#: sends as many as it can.
PAUSE = 0.03


@pytest.fixture
def servers(env: dict[str, str], tmp_path: Path, upstream: Upstream, redis: RedisServer):
    """Two started servers on one database and one Redis."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        environment = env | upstream.environment | {"REDIS_URL": redis.url}
        made.append(ServerProcess(environment, tmp_path / name).start())
    yield made
    for server in made:
        server.kill()


@pytest.mark.slow
@pytest.mark.case("FT-08")
@pytest.mark.parametrize(
    ("database_url", "steps"),
    [
        ("sqlite", (RedisServer.stop, RedisServer.start)),
        ("postgres", (RedisServer.stun, RedisServer.wake)),
    ],
    indirect=["database_url"],
    ids=["killed", "suspended"],
)
def test_outage_of_redis_fails_no_request_and_events_reach_the_other_server(
    servers: list[ServerProcess],
    redis: RedisServer,
    steps: tuple[Callable[[RedisServer], object], Callable[[RedisServer], object]],
) -> None:
    fail, restore = steps
    steps_of_redis = (lambda: fail(redis)), (lambda: restore(redis))
    found = outage(*servers, SECONDS, *steps_of_redis, pause=PAUSE)
    assert found.failed == {}, found.text()
    assert found.statuses[200] > 20
