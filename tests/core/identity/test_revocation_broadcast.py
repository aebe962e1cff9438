"""Revocations through Redis: markers, notifications, and forged messages."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, InProcessApp

MARKER = "auth:token:{}:revoked"


@pytest.fixture
def env(env: dict[str, str], shared_redis: str, tmp_path: Path) -> dict[str, str]:
    return env | {"REDIS_URL": shared_redis, "REDIS_KEY_PREFIX": str(tmp_path)}


@pytest.fixture
def ask(app: InProcessApp) -> Callable[..., Any]:
    """`ask("get", key)` runs a Redis command."""
    redis = app.portico.redis

    def asked(command: str, *parts: str) -> Any:
        return app.run(redis.run, lambda client: getattr(client, command)(*parts))

    return asked


def eventually(holds: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_sign_out_sets_a_marker_for_the_lifetime_of_the_token(
    admin: Client, app: InProcessApp, ask: Callable[..., Any], tmp_path: Path
) -> None:
    session_id = admin.get("/api/v1/auths/sessions").json["sessions"][0]["id"]
    key = f"{tmp_path}:{MARKER.format(session_id)}"
    assert ask("get", key) is None
    admin.get("/api/v1/auths/signout")
    assert eventually(lambda: ask("get", key) == "1")
    assert 4 * 7 * 86400 - 60 <= ask("ttl", key) <= 4 * 7 * 86400


@pytest.fixture
def second(env: dict[str, str], app: InProcessApp) -> Iterator[InProcessApp]:
    """Another instance of the application."""
    opened = InProcessApp(env)
    yield opened
    opened.close()


@pytest.mark.case("AB-04")
def test_another_instance_is_notified_of_a_sign_out(
    admin: Client, app: InProcessApp, second: InProcessApp
) -> None:
    there = Client(second.client.transport, admin.token)
    assert there.get("/api/v1/auths/").status == 200
    admin.get("/api/v1/auths/signout")
    assert eventually(lambda: there.get("/api/v1/auths/").status == 401)


@pytest.mark.parametrize(
    "message", ["", "x", "null", "{}", '"', "\x00", '"absent"', "[" * 5000, "5", '"\\ud800"']
)
def test_forged_redis_messages_have_no_effect(
    admin: Client, app: InProcessApp, ask: Callable[..., Any], tmp_path: Path, message: str
) -> None:
    ask("publish", f"{tmp_path}:auth:ended", message)
    ask("set", f"{tmp_path}:{MARKER.format(admin.account['id'])}", "1")
    assert admin.get("/api/v1/auths/").status == 200
    held = admin.sign_in("Ada")
    ask("publish", f"{tmp_path}:auth:ended", f'"{admin.account["id"]}"')
    assert held.get("/api/v1/auths/").status == 200
    admin.get("/api/v1/auths/signout")
    assert admin.get("/api/v1/auths/").status == 401
