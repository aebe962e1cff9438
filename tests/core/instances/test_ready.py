"""`/ready`: state of the database, and schema changes by a newer release."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from tests.engines import connect

from portico.boot import Application
from portico.db import execute
from portico.testing import InProcessApp

FUTURE = "INSERT INTO portico_migration VALUES ('identity', '0099_future', 1)"
DETAIL = "Service temporarily unavailable"
CHAT = {"chat": {"title": "x"}}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def reason(app: InProcessApp) -> str | None:
    answer = app.client.get("/ready")
    found = [one["reason"] for one in answer.json["reasons"] if one["check"] == "database"]
    assert answer.status == (503 if found else 200)
    return found[0] if found else None


def test_instance_stops_writing_when_a_newer_release_changes_the_schema(
    app: InProcessApp,
) -> None:
    ada = app.client.sign_up("Ada")
    assert reason(app) is None
    app.run(execute, FUTURE)
    until(lambda: ada.post("/api/v1/chats/new", CHAT).status == 503)
    assert ada.post("/api/v1/chats/new", CHAT).detail == DETAIL
    assert ada.get("/api/v1/chats/").status == 503  # it would show what is not there any more
    assert reason(app) == "a newer release has changed the schema of the database"


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # PostgreSQL is asked once a second
def test_no_write_follows_a_schema_change_on_sqlite(env: dict[str, str], app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    with closing(connect(f"{env['DATA_DIR']}/portico.db")) as newer:
        newer.execute(FUTURE)
    assert ada.post("/api/v1/chats/new", CHAT).status == 503


def test_tolerated_steps_do_not_stop_an_instance(
    app: InProcessApp,
) -> None:
    ada = app.client.sign_up("Ada")
    tolerated = json.dumps({"identity": ["0099_future"]})
    app.run(execute, "UPDATE portico_instance SET tolerated_steps = $1", tolerated)
    app.run(execute, FUTURE)
    app.portico.database.guard._looked = 0.0
    assert ada.post("/api/v1/chats/new", CHAT).status == 200
    assert reason(app) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_cause_is_logged_at_begin_and_end_and_shown_by_ready(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"PORTICO_DATABASE_SQLITE_BUSY_TIMEOUT": "0.2"}, complete_schema)
    ada = app.client.sign_up("Ada")
    why = "another process has held the write lock for 0.2 s"
    with structlog.testing.capture_logs() as lines:
        with closing(connect(f"{env['DATA_DIR']}/portico.db")) as lock:
            lock.execute("BEGIN IMMEDIATE")
            for _ in range(4):
                assert ada.post("/api/v1/chats/new", CHAT).detail == DETAIL
            assert reason(app) == why
            assert ada.get("/api/v1/chats/").status == 200
            lock.execute("ROLLBACK")
        until(lambda: reason(app) is None)
    said = [line for line in lines if "database" in line["event"]]
    assert [line["event"] for line in said] == [
        "database unavailable",
        "database available again",
    ]
    assert (said[0]["reason"], said[1]["reason"]) == (why, why)
    assert said[0]["detail"]
    app.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_removed_database_file_makes_the_instance_unready(
    app: InProcessApp, env: dict[str, str]
) -> None:
    ada = app.client.sign_up("Ada")
    file = Path(env["DATA_DIR"]) / "portico.db"
    aside = file.rename(file.with_name("aside"))
    assert ada.post("/api/v1/chats/new", CHAT).status == 503
    until(lambda: reason(app) == "the database file is missing")
    assert ada.get("/api/v1/chats/").status == 200
    aside.rename(file)
    until(lambda: reason(app) is None)
    assert ada.post("/api/v1/chats/new", CHAT).status == 200
