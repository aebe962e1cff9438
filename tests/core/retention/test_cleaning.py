"""Retention: old and expired rows are deleted in batches, by a periodic task."""

import time

import pytest

from portico.db import Retention, execute, fetch_all, now, transaction
from portico.retention import delete_old_rows
from portico.testing import InProcessApp

DAY = 86400
NAME = "portico:retention"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_RETENTION_AUDIT_DAYS": "30",
        "PORTICO_MODELS_VERSIONS_DAYS": "20",
    }


async def clean(app: InProcessApp) -> dict[str, int]:
    return await delete_old_rows(app.portico.retentions, pause=0)


async def write(app: InProcessApp) -> None:
    """Insert rows for each of the last hundred days, and more than one batch for the oldest day."""
    # Entries of the audit log are deleted with their segment: those of the last 30 days are in another one.
    for days in ([*[100] * 450, *range(99, 29, -1)], range(29, -1, -1)):
        async with transaction():
            for day in days:
                await execute(
                    "INSERT INTO portico_audit (at, author, event, resource_kind, resource_id) VALUES ($1, '', 'x', 'k', 'i')",
                    now() - day * DAY - 60,
                )
        await app.portico.audit_sealer.seal()
    async with transaction():
        for day in range(100):
            await execute(
                "INSERT INTO models_version (model_id, number, at, author, change, owner_id) "
                "VALUES ('desk', $1, $2, '', 'updated', '')",
                100 - day,
                now() - day * DAY - 60,
            )
        for model_id, day in (("deleted long ago", 10), ("deleted today", 0)):
            await execute(
                "INSERT INTO models_change (model_id, revision, at) VALUES ($1, 0, $2)",
                model_id,
                now() - day * DAY,
            )


async def counts() -> dict[str, int]:
    found = {}
    for table in ("portico_audit", "models_version", "models_change"):
        (one,) = await fetch_all(f"SELECT COUNT(*) AS n FROM {table}")
        found[table] = one["n"]
    return found


def test_rows_older_than_their_setting_are_deleted(app: InProcessApp) -> None:
    app.run(execute, "DELETE FROM portico_audit")
    app.run(write, app)
    deleted = app.run(clean, app)
    assert deleted == {"portico_audit": 520, "models_version": 80, "models_change": 1}
    assert app.run(counts) == {"portico_audit": 30, "models_version": 20, "models_change": 1}
    left = app.run(fetch_all, "SELECT model_id FROM models_change")
    assert left == [{"model_id": "deleted today"}]


def test_periodic_task_deletes_old_rows_once_an_hour_for_all_instances(
    app: InProcessApp, env: dict[str, str]
) -> None:
    other = InProcessApp(env)

    async def rows() -> int:
        found = await fetch_all("SELECT COUNT(*) AS n FROM portico_task WHERE name = $1", NAME)
        return int(found[0]["n"])

    app.run(execute, "DELETE FROM portico_audit")
    app.run(write, app)
    for one in (app, other):
        one.run(one.portico.tasks.run_due)
    assert app.run(counts)["portico_audit"] == 550
    app.run(execute, "UPDATE portico_task_schedule SET next_at = 0 WHERE name = $1", NAME)
    for one in (app, other):
        one.run(one.portico.tasks.run_due)
    other.close()
    assert app.run(counts)["portico_audit"] == 30
    assert app.run(rows) == 1


def test_expired_sessions_and_used_tokens_are_deleted(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    expired = app.client.sign_in("Ada")
    soon = now() + 3600
    used = "INSERT INTO oauth_used_token (id, expires_at) VALUES ($1, $2)"
    app.run(execute, used, "old", now() - 10)
    app.run(execute, used, "new", soon)
    app.run(execute, "INSERT INTO portico_known_location (id, seen_at) VALUES ('far', 1)")
    first = app.run(fetch_all, "SELECT id FROM portico_session ORDER BY id LIMIT 1")[0]["id"]
    app.run(execute, "UPDATE portico_session SET expires_at = 1 WHERE id = $1", first)
    deleted = app.run(clean, app)
    assert deleted == {"portico_session": 1, "portico_known_location": 1, "oauth_used_token": 1}
    assert app.run(fetch_all, "SELECT id FROM oauth_used_token") == [{"id": "new"}]
    assert len(app.run(fetch_all, "SELECT id FROM portico_session")) == 1
    assert {one.get("/api/v1/auths/").status for one in (ada, expired)} == {200, 401}


def test_existing_model_keeps_its_last_version(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    model = {"id": "desk", "name": "Desk", "base_model_id": None, "meta": {}, "params": {}}
    assert ada.post("/api/v1/models/create", model).status == 200
    assert app.run(fetch_all, "SELECT model_id FROM models_change WHERE at > 0") == [
        {"model_id": "desk"}
    ]
    app.run(execute, "UPDATE models_change SET at = 1")
    app.run(clean, app)
    assert len(app.run(fetch_all, "SELECT model_id FROM models_change")) == 1


def test_zero_days_keeps_everything(app: InProcessApp) -> None:
    app.run(write, app)
    retention = Retention("portico_audit", "at", 0)
    assert app.run(retention.delete_batch, int(time.time()) + 10**6 * DAY) == 0


def test_every_retention_column_has_an_index(app: InProcessApp) -> None:
    sqlite = app.portico.database.dialect == "sqlite"
    for one in app.portico.retentions:
        if one.table == "usage_day":
            continue  # its primary key begins with the column
        sql = (
            f"SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'index' AND tbl_name = '{one.table}' "
            f"AND (sql LIKE '%({one.column})' OR sql LIKE '%({one.column}, id)')"
            if sqlite
            else f"SELECT COUNT(*) AS n FROM pg_indexes WHERE tablename = '{one.table}' "
            f"AND (indexdef LIKE '%({one.column})' OR indexdef LIKE '%({one.column}, id)')"
        )
        assert app.run(fetch_all, sql)[0]["n"] == 1, one
