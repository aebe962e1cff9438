"""What goes in comes out, by Piccolo and by hand, on both databases."""

import pytest
from piccolo.columns import BigInt, Boolean, Real, Text
from piccolo.table import Table, create_db_tables

from portico.db import (
    Database,
    bind,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    new_id,
    now,
)

pytestmark = pytest.mark.anyio


class Lamp(Table, tablename="lamp"):
    id = Text(primary_key=True, default=new_id)
    name = Text()
    lit = Boolean(default=False)
    made_at = BigInt()
    watts = Real(default=1.5)


MADE = "CREATE TABLE lamp (id TEXT PRIMARY KEY, name TEXT, lit BOOLEAN, made_at BIGINT, watts REAL)"


async def test_piccolo_reads_what_it_wrote(database: Database) -> None:
    bind([Lamp])
    await database.execute(MADE)
    with database.use():
        made_at = now()
        assert await Lamp.insert(Lamp(id="a", name="hall", lit=True, made_at=made_at)) == [
            {"id": "a"}
        ]
        await Lamp(id="b", name="desk", made_at=2**40).save()
        await Lamp.update({Lamp.name: "gate"}).where(Lamp.id == "b")

        whole = {"id": "a", "name": "hall", "lit": True, "made_at": made_at, "watts": 1.5}
        assert await Lamp.select().where(Lamp.lit == True) == [whole]  # noqa: E712
        assert [lamp.name for lamp in await Lamp.objects().order_by(Lamp.id)] == ["hall", "gate"]
        assert await Lamp.select(Lamp.made_at).where(Lamp.id == "b").first() == {"made_at": 2**40}
        assert await Lamp.count() == 2
        assert await Lamp.exists().where(Lamp.name == "gate")
        assert await Lamp.raw("SELECT name FROM lamp WHERE id = {}", "a") == [{"name": "hall"}]
        await Lamp.delete().where(Lamp.id == "a")
        assert not await Lamp.exists().where(Lamp.id == "a")


async def test_booleans_are_booleans_everywhere(database: Database) -> None:
    bind([Lamp])
    await database.execute(MADE)
    with database.use():
        await Lamp.insert(Lamp(id="a", lit=True), Lamp(id="b", lit=False))
        lit = [row["lit"] for row in await Lamp.select(Lamp.lit).order_by(Lamp.id)]
        by_hand = [row["lit"] for row in await fetch_all("SELECT lit FROM lamp ORDER BY id")]
        changed = await Lamp.update({Lamp.lit: True}).where(Lamp.id == "b").returning(Lamp.lit)
        assert [lit[0], lit[1], *by_hand, changed[0]["lit"]] == [True, False, True, False, True]
        assert {type(value) for value in (*lit, *by_hand, changed[0]["lit"])} == {bool}


async def test_piccolo_creates_tables_in_one_transaction(database: Database) -> None:
    bind([Lamp])
    with database.use():
        await create_db_tables(Lamp, if_not_exists=True)
        assert await Lamp.count() == 0


async def test_statements_use_postgres_placeholders(database: Database) -> None:
    with database.use():
        assert (
            await execute("INSERT INTO note (title, id) VALUES ($2, $1)", "1", "It costs $1") == 1
        )
        assert await fetch_one("SELECT title FROM note WHERE id = $1 AND id = $1", "1") == {
            "title": "It costs $1"
        }
        assert await fetch_one("SELECT id FROM note WHERE title = 'It costs $1' LIMIT $1", 5) == {
            "id": "1"
        }
        assert await fetch_one("SELECT id FROM note WHERE id = $1", "2") is None
        assert await fetch_all_in_thread("SELECT id FROM note") == [{"id": "1"}]


async def test_execute_returns_the_number_of_changed_rows(database: Database) -> None:
    for number in range(3):
        await database.execute("INSERT INTO note VALUES ($1, $1)", str(number))
    assert await database.execute("UPDATE note SET title = title || '!' WHERE id <> $1", "0") == 2
    assert await database.execute("DELETE FROM note WHERE id = $1", "none") == 0
    assert await database.execute("CREATE TABLE other (id TEXT)") == 0


async def test_rows_of_a_change_with_returning_are_durable(database: Database) -> None:
    insert = "INSERT INTO note VALUES ($1, $2) RETURNING id"
    assert await database.rows(insert, "1", "one") == [{"id": "1"}]
    delete = (
        "WITH old AS (SELECT $1 AS id) "
        "DELETE FROM note WHERE id IN (SELECT id FROM old) RETURNING title"
    )
    assert await database.rows(delete, "1") == [{"title": "one"}]
    assert await database.scan("SELECT * FROM note") == []


async def test_two_databases_live_side_by_side(
    database: Database, sqlite_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from portico.db import DatabaseSettings, open_database

    other = open_database(DatabaseSettings(), tmp_path_factory.mktemp("other"))
    await other.start()
    await other.execute("CREATE TABLE note (id TEXT)")
    with database.use():
        async with database.transaction():
            await execute("INSERT INTO note VALUES ('1', 'here')")
            with other.use():
                assert current_database() is other
                async with other.transaction():
                    await execute("INSERT INTO note VALUES ('there')")
                    assert len(await database.rows("SELECT * FROM note")) == 1
            assert len(await fetch_all("SELECT * FROM note")) == 1
    await other.stop()


async def test_missing_current_database_error_names_the_remedy() -> None:
    with pytest.raises(RuntimeError, match="database.use"):
        current_database()
