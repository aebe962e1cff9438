"""A PostgreSQL that is silent, hangs up or refuses: waits have limits, and nothing answers 500."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.open_connections import LiveStream, eventually
from tests.postgres_proxy import PostgresProxy
from tests.upstream import Upstream

from portico.boot import CannotStart
from portico.testing import Client, InProcessApp, ServerProcess

CHAT = {"chat": {"title": "x"}}


@pytest.fixture
def env(env: dict[str, str], proxy: PostgresProxy) -> dict[str, str]:
    return (
        env
        | proxy.environment
        | {
            "DATABASE_POOL_SIZE": "3",
            "PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "0",
        }
    )


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    app = InProcessApp(env)
    yield app
    app.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start_clients(
    ada: Client, statuses: list[int], stop: threading.Event
) -> list[threading.Thread]:
    def ask() -> None:
        while not stop.is_set():
            statuses.append(ada.post("/api/v1/chats/new", CHAT).status)
            statuses.append(ada.get("/api/v1/chats/").status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    return threads


def test_request_to_silent_postgres_ends_at_its_time_limit(
    app: InProcessApp, proxy: PostgresProxy
) -> None:
    ada = app.client.sign_up("Ada")
    proxy.silent = True
    began = time.monotonic()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ada.post("/api/v1/chats/new", CHAT).status))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    ready = app.client.get("/ready")
    assert ready.status == 503
    assert ready.json["reasons"][0]["check"] == "database"
    for thread in threads:
        thread.join(40)
    assert statuses == [503] * 6
    assert time.monotonic() - began < 40  # a hang, not a measurement
    proxy.silent = False
    until(lambda: app.client.get("/ready").status == 200)
    assert ada.post("/api/v1/chats/new", CHAT).status == 200


def test_lost_or_refused_connections_answer_503(app: InProcessApp, proxy: PostgresProxy) -> None:
    ada = app.client.sign_up("Ada")
    statuses: list[int] = []
    stop = threading.Event()
    threads = start_clients(ada, statuses, stop)
    for _ in range(15):
        proxy.hang_up()
        time.sleep(0.03)
    proxy.refuse()
    until(lambda: 503 in statuses[-4:])
    assert (
        app.client.get("/ready")
        .json["reasons"][0]["reason"]
        .startswith(("PostgreSQL refuses", "the connection to PostgreSQL", "PostgreSQL ended"))
    )
    proxy.accept()
    until(lambda: app.client.get("/ready").status == 200)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert set(statuses) == {200, 503}
    assert ada.post("/api/v1/chats/new", CHAT).status == 200


def test_stream_ends_after_the_grace_period_without_a_database(
    env: dict[str, str], proxy: PostgresProxy, upstream: Upstream, tmp_path: Path
) -> None:
    settings = upstream.environment | {"PORTICO_IDENTITY_REVOCATION_GRACE_SECONDS": "1"}
    server = ServerProcess(env | settings, tmp_path).start()
    try:
        stream = LiveStream(server, server.client.sign_up("Ada"))
        assert stream.is_live
        proxy.silent = True
        assert eventually(lambda: not stream.is_live, 30)
        upstream.wait_until_idle()
    finally:
        server.kill()


def test_start_error_names_the_reason_postgres_is_unusable(
    env: dict[str, str], proxy: PostgresProxy, tmp_path: Path
) -> None:
    for settings, why in (
        (
            {"DATABASE_URL": env["DATABASE_URL"].replace("/test_", "/no_")},
            "no database of this name",
        ),
        (
            {"DATABASE_URL": "postgresql://a:s3cr3t@127.0.0.1:1/x"},
            "does not answer: PostgreSQL refuses",
        ),
    ):
        with pytest.raises(CannotStart, match=why) as refused:
            InProcessApp(env | settings)
        assert "s3cr3t" not in str(refused.value)
    proxy.silent = True
    with pytest.raises(CannotStart, match="does not answer in time"):
        InProcessApp(env)
