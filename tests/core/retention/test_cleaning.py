"""What only grows is deleted when it is old: a little at a time, by one instance at a time."""

import time

import pytest

from portico.db import Retention, execute, now, rows, transaction
from portico.retention import Cleaner
from portico.testing import House

DAY = 86400


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {
        "PORTICO_RETENTION_AUDIT_DAYS": "30",
        "PORTICO_MODELS_VERSIONS_DAYS": "20",
    }


async def clean(house: House) -> dict[str, int]:
    return await Cleaner(pause=0).clean(house.portico.retentions)


async def write() -> None:
    """Entries of each day of the last hundred, more than one batch of them on the oldest."""
    async with transaction():
        for day in [*range(100), *[100] * 450]:
            await execute(
                "INSERT INTO portico_audit (at, author, what, subject_kind, subject_id) VALUES ($1, '', 'x', 'k', 'i')",
                now() - day * DAY - 60,
            )
        for day in range(100):
            await execute(
                "INSERT INTO models_version (model_id, number, at, author, change, owner_id) "
                "VALUES ('desk', $1, $2, '', 'updated', '')",
                100 - day,
                now() - day * DAY - 60,
            )
        for model_id, day in (("gone long ago", 10), ("gone today", 0)):
            await execute(
                "INSERT INTO models_change (model_id, revision, at) VALUES ($1, 0, $2)",
                model_id,
                now() - day * DAY,
            )


async def counts() -> dict[str, int]:
    found = {}
    for table in ("portico_audit", "models_version", "models_change"):
        (one,) = await rows(f"SELECT COUNT(*) AS n FROM {table}")
        found[table] = one["n"]
    return found


def test_each_history_is_kept_as_long_as_its_setting_says(house: House) -> None:
    house.call(execute, "DELETE FROM portico_audit")
    house.call(write)
    deleted = house.call(clean, house)
    assert deleted == {"portico_audit": 520, "models_version": 80, "models_change": 1}
    assert house.call(counts) == {"portico_audit": 30, "models_version": 20, "models_change": 1}
    left = house.call(rows, "SELECT model_id FROM models_change")
    assert left == [{"model_id": "gone today"}]


def test_no_second_instance_cleans_within_the_hour(house: House) -> None:
    house.call(clean, house)
    house.call(write)
    assert house.call(clean, house) == {}
    house.call(execute, "UPDATE portico_cleaning SET worked_at = 0")
    assert house.call(clean, house)


def test_a_model_that_is_there_keeps_its_change_however_old(house: House) -> None:
    ada = house.client.sign_up("Ada")
    model = {"id": "desk", "name": "Desk", "base_model_id": None, "meta": {}, "params": {}}
    assert ada.post("/api/v1/models/create", model).status == 200
    assert house.call(rows, "SELECT model_id FROM models_change WHERE at > 0") == [
        {"model_id": "desk"}
    ]
    house.call(execute, "UPDATE models_change SET at = 1")
    house.call(clean, house)
    assert len(house.call(rows, "SELECT model_id FROM models_change")) == 1


def test_days_of_0_keep_everything(house: House) -> None:
    house.call(write)
    retention = Retention("portico_audit", "at", 0)
    assert house.call(retention.delete_batch, int(time.time()) + 10**6 * DAY) == 0


def test_every_column_that_is_cleaned_by_has_an_index(house: House) -> None:
    sqlite = house.portico.database.dialect == "sqlite"
    for one in house.portico.retentions:
        sql = (
            f"SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'index' AND tbl_name = '{one.table}' "
            f"AND sql LIKE '%({one.column})'"
            if sqlite
            else f"SELECT COUNT(*) AS n FROM pg_indexes WHERE tablename = '{one.table}' "
            f"AND indexdef LIKE '%({one.column})'"
        )
        assert house.call(rows, sql)[0]["n"] == 1, one
