"""Whatever takes a sign-in away ends everything that came in by it, on every instance, whatever Redis does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.end_to_end.revocation_helpers import (
    HOLDS,
    KEY_WAYS,
    SETTINGS,
    SETUPS,
    WAYS,
    Scene,
    credential,
)
from tests.open_connections import LiveSocket, LiveStream, eventually, install_probe
from tests.redis_server import RedisServer
from tests.upstream import Upstream

from portico.testing import Client, ServerProcess

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

Servers = Callable[..., ServerProcess]


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    install_probe(tmp_path / "site")
    return env | SETTINGS | {"PYTHONPATH": str(tmp_path / "site")}


@pytest.fixture(params=SETUPS)
def app(request: pytest.FixtureRequest, servers: Servers) -> Iterator[list[ServerProcess]]:
    """The instances: the first revokes, the last has the connection."""
    redis = RedisServer() if "Redis" in request.param else None
    settings = {"REDIS_URL": redis.start().url} if redis else {}
    count = 1 if request.param == "one instance" else 2
    started = [servers(**settings).start() for _ in range(count)]
    if redis and "stopped" in request.param:
        redis.stop()
    yield started
    if redis:
        redis.close()


# Each number of instances on each database, and each state of Redis.
@pytest.mark.parametrize(
    ("database_url", "app"),
    [
        ("sqlite", "one instance"),
        ("sqlite", "two with Redis"),
        ("postgres", "two without"),
        ("postgres", "two with Redis stopped"),
    ],
    indirect=True,
)
@pytest.mark.case("AB-04")
@pytest.mark.case("AB-05")
@pytest.mark.case("AB-06")
@pytest.mark.case("AB-07")
def test_revocation_ends_access_everywhere(
    request: pytest.FixtureRequest, app: list[ServerProcess], upstream: Upstream
) -> None:
    here, there = app[0], app[-1]
    admin = here.client.sign_up("Ada")
    for number, (way, take) in enumerate((WAYS | KEY_WAYS).items()):
        person = admin.add_user(f"P{number}")
        held = credential(way, person, there)
        holds = {name: hold(there, held) for name, hold in HOLDS.items()}
        bystander = LiveSocket(there, there.client.sign_in("Ada"))
        answer = take(Scene(admin, person, Client(here.client.transport, held.token)))
        assert answer.status == 200, (way, answer)
        for name, hold in holds.items():
            assert eventually(lambda: not hold.is_live), f"{way}: {name} lives on"  # noqa: B023
        assert holds["websocket"].code == 4401, way
        assert b"session_revoked" in holds["stream"].received, way
        assert holds["stream"].received.endswith(b"data: [DONE]\n\n"), way
        upstream.wait_until_idle()
        assert held.get("/api/v1/auths/").status in (401, 403), way
        assert bystander.is_live, way
        for hold in (bystander, *holds.values()):
            hold.close()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.case("FT-09")
def test_revocation_without_redis_ends_access_for_good(
    servers: Servers, redis: RedisServer
) -> None:
    here, there = (servers(REDIS_URL=redis.url).start() for _ in range(2))
    admin = here.client.sign_up("Ada")
    held = there.client.sign_in("Ada")
    for hurt, heal in ((redis.stop, redis.start), (redis.stun, redis.wake)):
        held = there.client.sign_in("Ada")
        socket, stream = LiveSocket(there, held), LiveStream(there, held)
        hurt()
        assert Client(here.client.transport, held.token).get("/api/v1/auths/signout").status == 200
        assert eventually(lambda: not socket.is_live and not stream.is_live)  # noqa: B023
        assert held.get("/api/v1/auths/").status == 401
        heal()
        assert held.get("/api/v1/auths/").status == 401
        socket.close()
        stream.close()
    assert admin.get("/api/v1/auths/").status == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_revoked_session_cannot_reconnect(servers: Servers) -> None:
    server = servers().start()
    admin = server.client.sign_up("Ada")
    held = server.client.sign_in("Ada")
    LiveSocket(server, held).close()
    assert held.get("/api/v1/auths/signout").status == 200
    with pytest.raises(AssertionError, match="closed with"):
        LiveSocket(server, held)
    LiveSocket(server, admin).close()
