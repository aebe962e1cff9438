"""Readiness with Redis, and requests while Redis is unavailable."""

import time
from collections.abc import Callable

import pytest
from tests.redis_server import RedisServer

from portico.boot import Application
from portico.testing import Client, InProcessApp


@pytest.fixture
def env(env: dict[str, str], redis: RedisServer) -> dict[str, str]:
    return env | {"REDIS_URL": redis.url}


def reasons(client: Client) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get("/ready").json["reasons"]
    return found


def eventually_ready(client: Client) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not reasons(client):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.case("FT-08")
def test_stopped_redis_is_reported_and_requests_succeed(redis: RedisServer, admin: Client) -> None:
    assert reasons(admin) == []
    redis.stop()
    answer = admin.get("/ready")
    assert answer.status == 200 and answer.json["status"] is True
    assert [(one["check"], one["critical"]) for one in answer.json["reasons"]] == [("redis", False)]
    assert admin.get("/health").status == 200
    assert admin.sign_in("Ada").get("/api/v1/auths/").status == 200
    redis.start()
    assert eventually_ready(admin)
    assert admin.sign_in("Ada").get("/api/v1/auths/").status == 200


@pytest.mark.both_databases
@pytest.mark.case("FT-08")
def test_requests_succeed_while_redis_hangs(redis: RedisServer, admin: Client) -> None:
    redis.stun()
    for _ in range(10):
        assert admin.sign_in("Ada").get("/api/v1/auths/").status == 200
    assert admin.get("/ready").status == 200
    redis.wake()
    assert eventually_ready(admin)


@pytest.mark.case("FT-07")
def test_server_is_unready_without_required_redis(
    env: dict[str, str], redis: RedisServer, complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_REDIS_REQUIRED": "true"}, complete_schema)
    try:
        assert app.client.get("/ready").status == 200
        redis.stop()
        answer = app.client.get("/ready")
        assert answer.status == 503 and answer.json["reasons"][0]["check"] == "redis"
        assert app.client.get("/health").status == 200
    finally:
        app.close()


@pytest.mark.case("FT-07")
def test_server_does_not_start_without_required_redis(
    env: dict[str, str], redis: RedisServer
) -> None:
    redis.stop()
    with pytest.raises(Exception, match="REDIS_URL"):
        InProcessApp(env | {"PORTICO_REDIS_REQUIRED": "true"})
    app = InProcessApp(env)
    assert app.client.get("/ready").status == 200
    app.close()
