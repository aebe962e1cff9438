"""What is special about one file: shared commits, locks of other processes, full disks."""

import asyncio
import gc
import re
import stat
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.engines import IntegrityError

from portico.db import BadDatabase, DatabaseSettings, placeholders
from portico.db.sqlite import network_mounts as mounts_module
from portico.db.sqlite import writer as writer_module
from portico.db.sqlite.database import SQLite
from portico.db.sqlite.file import CACHED_STATEMENTS
from portico.db.sqlite.statements import LARGE_CHARS
from portico.errors import Unavailable
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio
INSERT = "INSERT INTO note VALUES ($1, $1)"
Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
async def lite(tmp_path: Path, password: Secret | None) -> AsyncIterator[SQLite]:
    database = SQLite(tmp_path / "portico.db", DatabaseSettings(sqlite_busy_timeout=2.0), password)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT NOT NULL)")
    yield database
    await database.stop()


async def kept(database: SQLite) -> set[str]:
    return {row["id"] for row in await database.rows("SELECT id FROM note")}


async def test_concurrent_writes_share_commits(lite: SQLite) -> None:
    traced: list[str] = []
    lite.writer.connection.set_trace_callback(traced.append)
    before = lite.writer.commits

    async def write(number: int) -> None:
        if number % 2:
            await lite.execute(INSERT, str(number))
        else:
            async with lite.transaction():
                await lite.execute(INSERT, str(number))

    await asyncio.gather(*(write(number) for number in range(100)))
    assert len(await kept(lite)) == 100
    assert traced.count("COMMIT") == lite.writer.commits - before < 50


async def test_lists_of_many_lengths_keep_few_prepared_statements(lite: SQLite) -> None:
    def prepared() -> int:
        return sum(type(found).__name__ == "Statement" for found in gc.get_objects())

    before = prepared()
    for count in range(1, 501):
        sql = f"SELECT id FROM note WHERE id IN ({placeholders(count)})"
        assert await lite.rows(sql, *["x"] * count) == []
    assert prepared() - before <= CACHED_STATEMENTS < 250


async def test_batch_is_committed_after_its_time_limit(
    lite: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn has the next one queued before it ends, so that the queue is never empty."""
    monkeypatch.setattr(writer_module, "MAX_BATCH_SLOTS", 1_000_000)
    begun: list[asyncio.Task[None]] = []

    async def write() -> None:
        async with lite.transaction():
            await lite.execute(INSERT, str(len(begun)))
            if not begun[0].done() and len(begun) < 20_000:
                begun.append(asyncio.create_task(write()))
                await asyncio.sleep(0)  # it joins the queue

    begun.append(asyncio.create_task(write()))
    await begun[0]
    assert len(begun) < 20_000
    await asyncio.gather(*begun)


async def test_transactions_of_one_batch_fail_independently(lite: SQLite) -> None:
    """One fails in a statement, one raises, one is cancelled in its turn; others do not notice."""
    started = asyncio.Event()

    async def good(name: str) -> None:
        async with lite.transaction():
            await lite.execute(INSERT, name)

    async def raising() -> None:
        async with lite.transaction():
            await lite.execute(INSERT, "raising")
            raise LookupError

    async def endless() -> None:
        async with lite.transaction():
            await lite.execute(INSERT, "endless")
            started.set()
            await asyncio.Event().wait()

    tasks = [
        asyncio.create_task(work)
        for work in (
            good("a"),
            raising(),
            lite.execute(INSERT, "a"),
            endless(),
            good("b"),
            lite.execute(INSERT, "c"),
        )
    ]
    await started.wait()
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result).__name__ for result in results] == [
        "NoneType",
        "LookupError",
        "UniqueViolation",
        "CancelledError",
        "NoneType",
        "int",
    ]
    assert await kept(lite) == {"a", "b", "c"}


async def test_write_slots_run_in_order(lite: SQLite) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with lite.transaction():
            await asyncio.sleep(0)
            order.append(number)

    await asyncio.gather(*(write(number) for number in range(20)))
    assert order == list(range(20))


async def test_cancelled_writer_leaves_the_queue(lite: SQLite) -> None:
    async with lite.transaction():
        waiting = asyncio.create_task(lite.execute(INSERT, "cancelled"))
        block = asyncio.create_task(lite.transaction().__aenter__())
        patient = asyncio.create_task(lite.execute(INSERT, "patient"))
        await asyncio.sleep(0)
        waiting.cancel()
        block.cancel()
    await patient
    assert await kept(lite) == {"patient"}


async def test_slot_of_a_cancelled_caller_is_released(lite: SQLite) -> None:
    await lite.writer.acquire()
    block = asyncio.create_task(lite.transaction().__aenter__())
    await asyncio.sleep(0)
    lite.writer.release(keep=False)  # the turn is the block's now, and the block does not know yet
    block.cancel()
    assert await lite.execute(INSERT, "next") == 1


async def test_waiting_in_a_transaction_for_an_outside_write_times_out(
    tmp_path: Path, password: Secret | None
) -> None:
    """A deadlock by design of the caller; the outside writer times out, and neither hangs."""
    database = SQLite(tmp_path / "portico.db", DatabaseSettings(sqlite_busy_timeout=0.2), password)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT)")
    async with database.transaction():
        await database.execute(INSERT, "inside")
        with pytest.raises(Unavailable):
            await asyncio.create_task(database.execute(INSERT, "outside"))
    assert await kept(database) == {"inside"}
    await database.stop()


async def test_lock_of_another_process_times_out_with_its_cause(
    tmp_path: Path, password: Secret | None, spawn: Spawn
) -> None:
    """FT-12."""
    database = SQLite(tmp_path / "portico.db", DatabaseSettings(sqlite_busy_timeout=0.3), password)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT)")
    await database.execute(INSERT, "before")
    holder = spawn("hold", str(database.path), *([password.reveal()] if password else []))
    assert holder.stdout and holder.stdout.readline() == "held\n"

    writes = [asyncio.create_task(database.execute(INSERT, f"refused {n}")) for n in range(3)]
    await asyncio.sleep(0)
    assert await kept(database) == {"before"}  # while they wait
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    with pytest.raises(Unavailable):
        async with database.transaction():
            pytest.fail("there was no turn to give")

    patient = SQLite(database.path, DatabaseSettings(sqlite_busy_timeout=30.0), password)
    await patient.start()
    later = asyncio.create_task(patient.execute(INSERT, "patient"))
    await asyncio.sleep(0)
    holder.communicate("let go\n")
    await later
    await database.execute(INSERT, "after")
    assert await kept(database) == {"before", "patient", "after"}
    await patient.stop()
    await database.stop()


async def test_processes_write_alternately(
    lite: SQLite, spawn: Spawn, password: Secret | None
) -> None:
    """FT-04: three processes write the same file; no write is lost and no process starves."""
    scheme = "sqlite+sqlcipher" if password else "sqlite"
    children = [spawn("count", f"{scheme}://{lite.path}", f"child{n}", "100") for n in range(3)]
    for number in range(100):
        await lite.execute(INSERT, str(number))
    for child in children:
        await asyncio.to_thread(child.communicate)
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(await kept(lite)) == 400


async def test_full_disk_refuses_writes_and_serves_reads(lite: SQLite) -> None:
    """FT-13 flavour: the page limit makes SQLite say the disk is full."""
    await lite.execute(INSERT, "before")
    limit = "PRAGMA max_page_count"
    (pages,) = lite.writer.connection.execute("PRAGMA page_count").fetchone()
    lite.writer.connection.execute(f"{limit}={pages + 1}").fetchall()
    big = "INSERT INTO note VALUES ($1, $2)"
    small = asyncio.create_task(lite.execute(INSERT, "small"))
    with pytest.raises(Unavailable):
        await lite.execute(big, "big", "x" * 100_000)
    with pytest.raises(Unavailable):
        async with lite.transaction():
            await lite.execute(INSERT, "never")
            await lite.execute(big, "big", "x" * 100_000)
    try:  # in the same batch as a failing one: it gets an error, or its row exists
        await small
    except Unavailable:
        assert await kept(lite) == {"before"}
    else:
        assert await kept(lite) == {"before", "small"}
    lite.writer.connection.execute(f"{limit}=1000000").fetchall()
    await lite.execute(big, "big", "x" * 100_000)
    assert "big" in await kept(lite)
    assert await lite.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


async def test_lost_outer_transaction_fails_the_whole_batch(lite: SQLite) -> None:
    """A trigger that rolls back everything takes the finished turns of the batch with it."""
    await lite.execute(
        "CREATE TRIGGER bomb BEFORE INSERT ON note WHEN NEW.id = 'bomb' "
        "BEGIN SELECT RAISE(ROLLBACK, 'bomb'); END"
    )
    with pytest.raises(Unavailable):
        async with lite.transaction():
            await lite.execute(INSERT, "same batch")
            tasks = [asyncio.create_task(lite.execute(INSERT, name)) for name in ("a", "bomb", "b")]
            await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], IntegrityError)
    assert isinstance(results[0], Unavailable)
    assert results[2] == 1
    assert await kept(lite) == {"b"}

    with pytest.raises(IntegrityError):
        async with lite.transaction():
            await lite.execute(INSERT, "c")
            try:
                async with lite.transaction():
                    await lite.execute(INSERT, "bomb")
            finally:
                with pytest.raises(Unavailable):  # never outside the transaction by accident
                    await lite.execute(INSERT, "d")
    assert await kept(lite) == {"b"}
    await lite.execute(INSERT, "e")


async def test_megabytes_are_written_outside_the_event_loop(lite: SQLite) -> None:
    lite.writer.connection.create_function("thread", 0, threading.get_ident)
    async with lite.transaction():
        for title in ("small", "x" * (LARGE_CHARS + 1)):
            await lite.execute("INSERT INTO note VALUES (thread(), $1)", title)
    large, small = [row["id"] for row in await lite.rows("SELECT id FROM note ORDER BY title DESC")]
    assert small == str(threading.get_ident()) != large


async def test_cancelled_write_of_megabytes_is_rolled_back(lite: SQLite) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def hold() -> str:
        begun.set()
        goes_on.wait(30)
        return "held"

    lite.writer.connection.create_function("hold", 0, hold)

    async def write() -> None:
        async with lite.transaction():
            await lite.execute("INSERT INTO note VALUES (hold(), $1)", "x" * (LARGE_CHARS + 1))

    writing = asyncio.create_task(write())
    await asyncio.to_thread(begun.wait, 30)
    waiting = asyncio.create_task(lite.execute(INSERT, "after"))
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    goes_on.set()
    await asyncio.wait({writing, waiting})
    assert writing.cancelled()
    assert [row["id"] for row in await lite.rows("SELECT id FROM note")] == ["after"]


async def test_stop_commits_queued_writes(lite: SQLite) -> None:
    writes = [asyncio.create_task(lite.execute(INSERT, str(number))) for number in range(50)]
    await asyncio.sleep(0)
    await lite.stop()
    assert await asyncio.gather(*writes) == [1] * 50
    with pytest.raises(Unavailable):
        await lite.execute(INSERT, "too late")
    with pytest.raises(Unavailable):
        await lite.rows("SELECT 1")
    await lite.start()
    assert len(await kept(lite)) == 50


async def test_stop_rolls_back_an_endless_transaction(
    tmp_path: Path, password: Secret | None
) -> None:
    database = SQLite(tmp_path / "portico.db", DatabaseSettings(sqlite_busy_timeout=0.2), password)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT)")
    let_go = asyncio.Event()

    async def endless() -> None:
        async with database.transaction():
            await database.execute(INSERT, "endless")
            await let_go.wait()

    task = asyncio.create_task(endless())
    await asyncio.sleep(0)
    await database.stop()
    let_go.set()
    with pytest.raises(Unavailable):
        await task
    await database.start()
    assert await kept(database) == set()
    await database.stop()


async def test_new_file_is_readable_by_its_owner_only(
    tmp_path: Path, password: Secret | None
) -> None:
    database = SQLite(tmp_path / "deep" / "portico.db", DatabaseSettings(), password)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT)")
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in database.path.parent.iterdir()
    }
    assert {"portico.db", "portico.db-wal", "portico.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    await database.stop()


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /srv/share rw,relatime - nfs4 server:/export rw,vers=4.2
41 22 0:36 / /srv/share/local\\040disk rw,relatime - xfs /dev/sdb1 rw
42 22 0:37 / /home/me rw - fuse.sshfs me@host: rw
43 22 0:38 / /covered rw - cifs //server/share rw
44 22 8:2 / /covered rw - ext4 /dev/sdc rw
a line from the future
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/portico.db", None),
        ("/srv/share/portico.db", "nfs4"),
        ("/srv/shared/portico.db", None),
        ("/srv/share/local disk/portico.db", None),
        ("/home/me/data/portico.db", "fuse.sshfs"),
        ("/covered/portico.db", None),
    ],
)
def test_deepest_mount_point_decides(path: str, kind: str | None) -> None:
    assert mounts_module.network_file_system(Path(path), MOUNTS) == kind


async def test_network_file_system_is_refused(
    tmp_path: Path, password: Secret | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"1 0 0:1 / {tmp_path.resolve()} rw - nfs4 server:/export rw"
    monkeypatch.setattr(mounts_module, "mount_table", lambda: table)
    database = SQLite(tmp_path / "portico.db", DatabaseSettings(), password)
    with pytest.raises(BadDatabase, match=re.escape("network file system (nfs4)")):
        await database.start()
    assert list(tmp_path.iterdir()) == []
