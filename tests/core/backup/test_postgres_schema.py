"""What a PostgreSQL schema may have is restored as it was; what cannot be described is refused."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.core.backup.small_installation import Silence
from tests.servers import fresh_database

from portico.backup.creation import BackupOptions, create_backup
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.installation import Installation
from portico.backup.opened_backup import open_backup
from portico.backup.postgres_schema import describe_schema, read_description
from portico.backup.restoration import RestoreOptions, restore_backup
from portico.backup.targets import open_target
from portico.backup.verification import verify_backup
from portico.db import open_database
from portico.db.postgres.database import Postgres
from portico.settings.backup import BackupSettings
from portico.settings.database import DatabaseSettings
from portico.settings.schema import CoreSettings

#: One of each, as plugins may have them.
SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'it''s bad');
CREATE FUNCTION twice(a TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$ SELECT a || a $$;
CREATE TABLE "Odd ""name" (id BIGSERIAL PRIMARY KEY, "Select" TEXT NOT NULL DEFAULT 'it''s', feeling mood,
    doubled TEXT GENERATED ALWAYS AS (twice("Select")) STORED, at TIMESTAMPTZ, n NUMERIC(10, 2), f DOUBLE PRECISION,
    raw BYTEA, doc JSONB, tags TEXT[], sorted TEXT COLLATE "C", CHECK (n >= 0), UNIQUE ("Select", n));
CREATE TABLE child (number BIGINT GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY,
    parent BIGINT REFERENCES "Odd ""name" (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED) WITH (fillfactor = 70);
CREATE UNLOGGED TABLE scratch (id INT);
CREATE SEQUENCE tickets START 7;
CREATE INDEX by_twice ON "Odd ""name" (twice("Select") DESC) WHERE n > 1;
CREATE UNIQUE INDEX one_scratch ON scratch (id) INCLUDE (id);
CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN INSERT INTO scratch VALUES (OLD.number); RETURN OLD; END $$;
CREATE TRIGGER noted AFTER DELETE ON child FOR EACH ROW EXECUTE FUNCTION note();
CREATE VIEW parents AS SELECT c.number, o."Select" FROM child c JOIN "Odd ""name" o ON o.id = c.parent;
ALTER TABLE child ADD COLUMN gone INT; ALTER TABLE child DROP COLUMN gone;
INSERT INTO "Odd ""name" ("Select", feeling, at, n, f, raw, doc, tags, sorted) VALUES
    (E'a\\tb\\nc\\\\', 'it''s bad', '2020-01-01 12:00:00.123456+03', 1.5, 0.1, '\\x00ff', '{"a": [1, null]}', '{a,NULL,"b,c"}', 'z'),
    ('', NULL, NULL, NULL, 'Infinity', NULL, NULL, '{}', NULL);
INSERT INTO child (parent) VALUES (1), (2), (NULL);
SELECT nextval('tickets'), nextval('tickets');
"""


def installation(url: str, directory: Path, schema: str = "") -> Installation:
    settings = CoreSettings(
        data_dir=str(directory), database=DatabaseSettings(url=url, schema=schema)
    )
    return Installation(settings, open_database(settings.database, directory), {})


async def started(place: Installation) -> Postgres:
    assert isinstance(place.database, Postgres)
    await place.database.start()
    return place.database


class Interruption(Silence):
    """Ends a restoration when a part of the rows is restored."""

    def advance(self, size: int) -> None:
        raise ZeroDivisionError


@pytest.fixture
def url(postgres: str) -> Any:
    with fresh_database(postgres) as found:
        yield found


@pytest.mark.postgres
def test_everything_in_a_schema_is_restored_as_it_was(url: str, tmp_path: Path) -> None:
    target = str(tmp_path / "one.backup")

    async def work() -> None:
        place = installation(url, tmp_path)
        database = await started(place)
        await database.script(SCHEMA)
        storage = open_target(target, BackupSettings(), must_exist=False)
        with database.use(), closing(storage):
            await create_backup(place, storage, BackupOptions(), Silence())
        stored = open_target(target, BackupSettings(), must_exist=True)
        backup = await open_backup(stored, None)
        assert await verify_backup(backup, place, None, Silence())

        other = installation(url, tmp_path / "other", "elsewhere")
        await restore_backup(backup, other, RestoreOptions(), Silence())
        restored = await started(other)
        async with database.transaction(), restored.transaction():
            assert await describe_schema(restored) == await describe_schema(database)
        for query in (
            'SELECT * FROM "Odd ""name" ORDER BY id',
            "SELECT * FROM parents ORDER BY number",
        ):
            assert await restored.rows(query) == await database.rows(query)
        numbers = (
            "INSERT INTO child (parent) VALUES (1) RETURNING number, nextval('tickets') AS ticket"
        )
        assert await restored.rows(numbers) == [{"number": 115, "ticket": 9}]
        await restored.execute("DELETE FROM child WHERE number = 115")
        assert await restored.rows("SELECT id FROM scratch") == [{"id": 115}]

        await restored.stop()
        with pytest.raises(ZeroDivisionError):
            await restore_backup(backup, other, RestoreOptions(overwrite=True), Interruption())
        await restored.start()
        kept = await restored.rows("SELECT id FROM scratch")
        drafts = "SELECT 1 FROM pg_namespace WHERE nspname LIKE 'portico_%'"
        assert (kept, await restored.rows(drafts)) == ([{"id": 115}], [])
        await restored.stop()
        report = await restore_backup(backup, other, RestoreOptions(overwrite=True), Silence())
        await restored.start()
        sql = f'SELECT id FROM "{report.former}".scratch'
        assert (await restored.rows(sql), await restored.rows("SELECT id FROM scratch")) == (
            [{"id": 115}],
            [],
        )
        await restored.stop()
        await database.stop()
        stored.close()

    asyncio.run(work())


@pytest.mark.postgres
@pytest.mark.parametrize(
    "unknown",
    [
        "CREATE TABLE parts (id INT) PARTITION BY RANGE (id)",
        "CREATE MATERIALIZED VIEW sums AS SELECT 1",
        "CREATE DOMAIN digit AS INT CHECK (value < 10)",
    ],
)
def test_schema_with_more_than_a_backup_can_describe_is_refused(
    url: str, tmp_path: Path, unknown: str
) -> None:
    async def work() -> None:
        database = await started(installation(url, tmp_path))
        await database.script(unknown)
        with pytest.raises(BackupRefused):
            async with database.transaction():
                await describe_schema(database)
        await database.stop()

    asyncio.run(work())


def test_statement_that_creates_nothing_is_not_run() -> None:
    data = b'{"before":["DROP SCHEMA public CASCADE"],"tables":[],"sequences":[],"after":[]}'
    with pytest.raises(DamagedBackup, match="DROP SCHEMA"):
        read_description(data)
