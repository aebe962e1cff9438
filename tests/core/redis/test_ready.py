"""What a house says about its Redis, and that it serves without."""

import time

import pytest
from tests.redis_server import RedisServer

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
    return False


def test_FT_08_a_redis_that_stops_is_told_and_costs_nobody_anything(
    redis: RedisServer, admin: Client
) -> None:
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


def test_FT_08_a_redis_that_swallows_everything_does_not_either(
    redis: RedisServer, admin: Client
) -> None:
    redis.stun()
    for _ in range(10):
        assert admin.sign_in("Ada").get("/api/v1/auths/").status == 200
    assert admin.get("/ready").status == 200
    redis.wake()
    assert eventually_ready(admin)


def test_FT_07_where_it_is_required_the_house_is_unready_without_it(
    env: dict[str, str], redis: RedisServer
) -> None:
    app = InProcessApp(env | {"PORTICO_REDIS_REQUIRED": "true"})
    try:
        assert app.client.get("/ready").status == 200
        redis.stop()
        answer = app.client.get("/ready")
        assert answer.status == 503 and answer.json["reasons"][0]["check"] == "redis"
        assert app.client.get("/health").status == 200
    finally:
        app.close()


def test_FT_07_where_it_is_required_nothing_starts_without_it(
    env: dict[str, str], redis: RedisServer
) -> None:
    redis.stop()
    with pytest.raises(Exception, match="REDIS_URL"):
        InProcessApp(env | {"PORTICO_REDIS_REQUIRED": "true"})
    app = InProcessApp(env)
    assert app.client.get("/ready").status == 200
    app.close()
