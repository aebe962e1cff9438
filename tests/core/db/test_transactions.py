"""All or nothing, for the task that asked for it."""

import asyncio
import random
from typing import Any

import anyio
import pytest
from piccolo.columns import Text
from piccolo.table import Table

from portico.db import (
    Database,
    ForeignKeyViolation,
    TransactionFailed,
    UniqueViolation,
    after_commit,
    bind,
    execute,
    transaction,
)
from portico.db.database import current_transaction_var

pytestmark = pytest.mark.anyio
INSERT = "INSERT INTO note (id, title) VALUES ($1, $1)"


class Note(Table, tablename="note"):
    id = Text(primary_key=True)
    title = Text()


async def kept(database: Database) -> set[Any]:
    return {row["id"] for row in await database.scan("SELECT id FROM note")}


async def test_block_without_error_is_committed(database: Database) -> None:
    async with database.transaction():
        await database.execute(INSERT, "a")
        assert await database.rows("SELECT id FROM note") == [{"id": "a"}]
    assert await kept(database) == {"a"}


async def test_block_that_raises_is_rolled_back(database: Database) -> None:
    bind([Note])
    with database.use(), pytest.raises(LookupError):
        async with transaction():
            await Note.insert(Note(id="a", title="by Piccolo"))
            await execute(INSERT, "b")
            raise LookupError
    assert await kept(database) == set()
    assert database.current_transaction() is None


async def test_nested_block_rolls_back_only_its_own_writes(database: Database) -> None:
    async with database.transaction():
        await database.execute(INSERT, "outer")
        with pytest.raises(LookupError):
            async with database.transaction():
                await database.execute(INSERT, "inner")
                async with database.transaction():
                    await database.execute(INSERT, "innermost")
                raise LookupError
        async with database.transaction():
            await database.execute(INSERT, "second")
    assert await kept(database) == {"outer", "second"}


async def test_failed_statement_in_a_nested_block_keeps_the_transaction(database: Database) -> None:
    await database.execute(INSERT, "taken")
    async with database.transaction():
        await database.execute(INSERT, "before")
        with pytest.raises(UniqueViolation):
            async with database.transaction():
                await database.execute(INSERT, "taken")
        await database.execute(INSERT, "after")
    assert await kept(database) == {"taken", "before", "after"}


async def test_caught_failure_prevents_the_commit(database: Database) -> None:
    await database.execute(INSERT, "taken")
    called: list[str] = []
    with database.use(), pytest.raises(TransactionFailed):
        async with transaction():
            await execute(INSERT, "before")
            after_commit(lambda: called.append("kept"))
            with pytest.raises(UniqueViolation):
                await execute(INSERT, "taken")
    assert await kept(database) == {"taken"}
    assert called == []


async def test_spawned_task_is_not_part_of_the_transaction(database: Database) -> None:
    seen: list[object] = []

    async def look() -> None:
        seen.append(database.current_transaction())
        seen.append(await database.rows("SELECT id FROM note"))

    async with database.transaction():
        await database.execute(INSERT, "a")
        await asyncio.create_task(look())
        async with asyncio.TaskGroup() as group:
            group.create_task(look())
    assert seen == [None, [], None, []]


async def test_write_of_a_spawned_task_survives_the_rollback(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction():
            await database.execute(INSERT, "inside")
            spawned = asyncio.create_task(database.execute(INSERT, "spawned"))
            raise LookupError
    await spawned
    assert await kept(database) == {"spawned"}


async def test_callbacks_wait_for_the_outermost_commit(database: Database) -> None:
    called: list[str] = []
    with database.use():
        after_commit(lambda: called.append("no transaction"))
        assert called == ["no transaction"]
        async with transaction():
            after_commit(lambda: called.append("outer"))
            async with transaction():
                await execute(INSERT, "a")
                after_commit(lambda: called.append("inner"))
            with pytest.raises(LookupError):
                async with transaction():
                    after_commit(lambda: called.append("undone"))
                    raise LookupError
            assert called == ["no transaction"]
        assert called == ["no transaction", "outer", "inner"]


async def test_callbacks_are_dropped_on_rollback(database: Database) -> None:
    called: list[str] = []
    with database.use(), pytest.raises(LookupError):
        async with transaction():
            after_commit(lambda: called.append("never"))
            raise LookupError
    assert called == []


async def test_failing_callback_does_not_affect_the_commit(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def fail() -> None:
        raise LookupError("callback")

    with database.use():
        async with transaction():
            await execute(INSERT, "a")
            after_commit(fail)
            after_commit(lambda: called.append("next"))
    assert called == ["next"]
    assert await kept(database) == {"a"}
    assert "callback after commit failed" in caplog.text


async def test_violations_have_the_same_type_on_both_databases(database: Database) -> None:
    await database.execute(
        "CREATE TABLE page (id TEXT PRIMARY KEY, note TEXT REFERENCES note (id))"
    )
    await database.execute("INSERT INTO note VALUES ('1', 'secret title')")
    with pytest.raises(UniqueViolation) as taken:
        await database.execute("INSERT INTO note VALUES ('2', 'secret title')")
    assert taken.value.columns == ("title",)
    assert "secret" not in str(taken.value)
    with pytest.raises(ForeignKeyViolation):
        await database.execute("INSERT INTO page VALUES ('1', 'missing')")
    await database.execute("INSERT INTO page VALUES ('1', '1')")
    with pytest.raises(ForeignKeyViolation):
        await database.execute("DELETE FROM note WHERE id = '1'")
    assert await kept(database) == {"1"}


async def test_many_cancellations_leave_the_database_usable(database: Database) -> None:
    """FT-05 flavour: cancelled at any await, in the loop's own way or in anyio's."""
    chance = random.Random(5)
    acknowledged: set[str] = set()

    async def work(name: str) -> None:
        if chance.random() < 0.3:
            await database.execute(INSERT, name)
        else:
            async with database.transaction():
                await database.execute(INSERT, name)
                async with database.transaction():
                    await database.rows("SELECT id FROM note WHERE id = $1", name)
                    await asyncio.sleep(0)
        acknowledged.add(name)

    async def leave_by_scope(name: str, after: int) -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(work, name)
                for _ in range(after):
                    await asyncio.sleep(0)
                scope.cancel()

    async def leave_by_cancel(name: str, after: int) -> None:
        task = asyncio.create_task(work(name))
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    for round_ in range(20):
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                leave = chance.choice([leave_by_scope, leave_by_cancel])
                group.create_task(leave(f"{round_}-{number}", chance.randrange(60)))

    assert current_transaction_var.get() is None
    async with asyncio.timeout(20):  # only a leaked connection or turn could make it wait
        await asyncio.gather(*(work(f"last-{number}") for number in range(20)))
    there = await kept(database)
    assert acknowledged <= there
    assert {f"last-{number}" for number in range(20)} <= there


async def test_transaction_cancelled_at_commit_is_committed_or_rolled_back(
    database: Database,
) -> None:
    called: set[str] = set()

    async def write(name: str) -> None:
        with database.use():
            async with transaction():
                await execute(INSERT, name)
                after_commit(lambda: called.add(name))

    for after in range(40):
        task = asyncio.create_task(write(str(after)))
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()
        assert [type(end) for end in await asyncio.gather(task, return_exceptions=True)] in (
            [asyncio.CancelledError],
            [type(None)],
        )
    assert await kept(database) == called
    await write("the next")
    assert "the next" in called


async def test_reader_sees_the_old_rows_while_a_transaction_is_open(database: Database) -> None:
    await database.execute(INSERT, "old")
    looked, written = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.transaction():
            await database.execute(INSERT, "new")
            written.set()
            await looked.wait()

    writer = asyncio.create_task(write())
    await written.wait()
    assert await database.rows("SELECT id FROM note") == [{"id": "old"}]
    assert await kept(database) == {"old"}
    looked.set()
    await writer
    assert len(await database.rows("SELECT id FROM note")) == 2
