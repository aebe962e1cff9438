"""The hash chain of the audit log: what was sealed and then changed is found, and nothing else is accused."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.core.audit.conftest import KEY, NEW_KEY, encryptor

from portico.audit import (
    AuditRetention,
    AuditSealer,
    ChainReport,
    drop_personal_fields,
    record_change,
    renew_end_signature,
    verify_chain,
)
from portico.audit.chain import broken_seals, unsealed_age
from portico.db import Database, current_database, execute, fetch_all, now, transaction
from portico.instances import OwnInstance
from portico.instances.release import Release

pytestmark = pytest.mark.anyio

#: Entries 1-3 are segment 0, 4-6 segment 1, 7-9 segment 2; 10 is not sealed.
SEGMENTS = 3


async def add(*names: str) -> None:
    async with transaction():
        for name in names:
            new = {"name": name, "email": f"{name}@example.org", "role": "user"}
            await record_change("account.created", "account", f"id-{name}", new=new)


async def sealed() -> AuditSealer:
    """Three segments, and one unsealed entry. The first is from before the chain."""
    sealer = AuditSealer(encryptor(), "here")
    for segment in range(SEGMENTS):
        await add(*(f"p{segment}{number}" for number in range(3)))
        if not segment:
            await execute("UPDATE portico_audit SET segment = 0")
        await sealer.seal()
    await add("newest")
    return sealer


async def findings(*secrets: Any, first: int = 0) -> list[str]:
    return (await verify_chain(encryptor(*secrets), first=first)).findings


async def counts() -> list[int]:
    rows = await fetch_all(
        "SELECT COUNT(*) AS n FROM portico_audit GROUP BY segment ORDER BY segment"
    )
    return sorted(row["n"] for row in rows)


async def test_log_is_sealed_in_segments_and_verified(database: Database) -> None:
    sealer = await sealed()
    report = await verify_chain(encryptor())
    assert (report.segments, report.entries, report.unsealed) == (3, 9, 1)
    assert report.findings == report.notes == []
    assert report.newest_seal.startswith("2:")
    assert await sealer.seal() == 1
    assert await sealer.seal() == 0
    assert (await verify_chain(encryptor())).unsealed == 0


CHANGES = {
    "at": "UPDATE portico_audit SET at = at + 1 WHERE number = 5",
    "author": "UPDATE portico_audit SET author = 'eve' WHERE number = 5",
    "event": "UPDATE portico_audit SET event = 'x' WHERE number = 5",
    "resource_kind": "UPDATE portico_audit SET resource_kind = 'x' WHERE number = 5",
    "resource_id": "UPDATE portico_audit SET resource_id = 'x' WHERE number = 5",
    "old": "UPDATE portico_audit SET old = '1' WHERE number = 5",
    "new": "UPDATE portico_audit SET new = NULL WHERE number = 5",
    "name in new": "UPDATE portico_audit SET new = REPLACE(new, '\"p11\"', '\"eve\"') WHERE number = 5",
    "role in new": "UPDATE portico_audit SET new = REPLACE(new, '\"user\"', '\"admin\"') WHERE number = 5",
    "salt": "UPDATE portico_audit SET salt = 'x' WHERE number = 5",
    "dropped": "UPDATE portico_audit SET dropped = 'x' WHERE number = 5",
    "signature": "UPDATE portico_audit SET signature = 'x' WHERE number = 5",
    "key of signature": "UPDATE portico_audit SET signature = '0123456789abcdef.00' WHERE number = 5",
    "signature of another": (
        "UPDATE portico_audit SET signature = (SELECT signature FROM portico_audit WHERE number = 6) WHERE number = 5"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_changed_column_is_found(database: Database, change: str) -> None:
    await sealed()
    assert await execute(change) == 1
    assert await findings() == ["segment 1: entry 5 was changed"]


#: What is done to the database, and a part of each finding.
TAMPERING: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "entry deleted": (["DELETE FROM portico_audit WHERE number = 5"], ["entry 5 was deleted"]),
    "entries swapped": (
        [
            "UPDATE portico_audit SET segment = NULL WHERE number = 4",
            "UPDATE portico_audit SET author = 'x' WHERE number = 5",
        ],
        ["entry 5 was changed", "entry 4 was deleted"],
    ),
    "entry inserted": (
        [
            "INSERT INTO portico_audit (at, author, event, resource_kind, resource_id, segment) "
            "VALUES (1, '', 'x', 'x', 'x', 1)"
        ],
        ["entry 11 was inserted after it was sealed"],
    ),
    "entry inserted before all segments": (
        [
            "INSERT INTO portico_audit (at, author, event, resource_kind, resource_id, segment) "
            "VALUES (1, '', 'x', 'x', 'x', -1), (1, '', 'x', 'x', 'x', -9223372036854775807 - 1)"
        ],
        ["entries of a segment that cannot exist were inserted: 11, 12"],
    ),
    "entry moved to another segment": (
        ["UPDATE portico_audit SET segment = 2 WHERE number = 5"],
        ["entry 5 was inserted after it was sealed", "entry 5 was deleted"],
    ),
    "segment emptied": (
        ["DELETE FROM portico_audit WHERE segment = 1"],
        ["segment 1: entries 4-6 were deleted"],
    ),
    "newest sealed entries cut off": (
        ["DELETE FROM portico_audit WHERE number >= 8"],
        ["segment 2: entries 8-9 were deleted"],
    ),
    "newest segment cut off with its seal": (
        [
            "DELETE FROM portico_audit WHERE number >= 7",
            "DELETE FROM portico_audit_seal WHERE segment = 2",
        ],
        ["the seal of segment 2 is missing"],
    ),
    "newest segment cut off, the end set back": (
        [
            "DELETE FROM portico_audit WHERE number >= 7",
            "UPDATE portico_audit_chain SET segment = 1",
            "DELETE FROM portico_audit_seal WHERE segment = 2",
        ],
        ["the end of the chain was changed", "the newest seal is not the one at the end"],
    ),
    "seal in the middle deleted": (
        ["DELETE FROM portico_audit_seal WHERE segment = 1"],
        ["segment 1: it has 3 entries and no seal", "the seal of segment 1 is missing"],
    ),
    "segment deleted with its seal": (
        [
            "DELETE FROM portico_audit WHERE segment = 1",
            "DELETE FROM portico_audit_seal WHERE segment = 1",
        ],
        ["the seal of segment 1 is missing"],
    ),
    "seal changed": (
        ["UPDATE portico_audit_seal SET entries = 2, numbers = '4-5' WHERE segment = 1"],
        [
            "the seal of segment 1 was changed",
            "entry 6 was inserted",
            "segment 2 does not follow the seal of segment 1",
        ],
    ),
    "everything marked as removed": (
        ["UPDATE portico_audit_chain SET removed_through = 2", "DELETE FROM portico_audit"],
        ["the end of the chain was changed"],
    ),
    "end deleted": (["DELETE FROM portico_audit_chain"], ["the end of the chain is missing"]),
    "name dropped without a deletion": (
        [
            "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, created_at) "
            "VALUES ('id-p11', 'p@example.org', 'user', 'p', '', 0, 0, 0)",
            "DROP p11",
        ],
        ["name and address were dropped although the account exists: 5"],
    ),
}


@pytest.mark.parametrize(("statements", "expected"), TAMPERING.values(), ids=TAMPERING)
async def test_tampering_is_found(
    database: Database, statements: Sequence[str], expected: Sequence[str]
) -> None:
    sealer = await sealed()
    for statement in statements:
        if statement.startswith("DROP"):
            async with transaction():
                await drop_personal_fields("account", "id-p11")
        else:
            assert await execute(statement)

    found = await findings()
    assert all(any(part in one for one in found) for part in expected), found
    # What is sealed later hides nothing of it.
    await add("later")
    await sealer.seal()
    assert await findings()


async def test_segment_of_an_invalid_end_does_not_continue_the_chain(database: Database) -> None:
    sealer = await sealed()
    await execute("DELETE FROM portico_audit WHERE number >= 7")
    await execute("DELETE FROM portico_audit_seal WHERE segment = 2")
    await execute("DELETE FROM portico_audit_chain")
    await add("later")
    assert (await broken_seals(), await sealer.seal(), await broken_seals()) == (0, 1, 1)
    (found,) = await findings()
    assert "segment 2 does not continue the chain: the end of the chain was missing" in found
    # After an operator has looked into it, they go on from there.
    await add("much later")
    await sealer.seal()
    assert await findings(first=3) == []
    assert await findings(first=30) == []


async def test_deleted_account_leaves_its_entries_and_their_digest(database: Database) -> None:
    sealer = await sealed()
    async with transaction():
        await execute("DELETE FROM portico_account WHERE id = 'id-p11'")
        for name in ("p11", "newest"):
            await drop_personal_fields("account", f"id-{name}")
    rows = await fetch_all("SELECT * FROM portico_audit WHERE number IN (5, 10) ORDER BY number")
    assert [row["new"] for row in rows] == ['{"role":"user"}'] * 2
    assert [row["resource_id"] for row in rows] == ["id-p11", "id-newest"]
    assert "p11@example.org" not in str(rows) and not any(row["salt"] for row in rows)
    assert await findings() == []
    await sealer.seal()
    assert await findings() == []
    # Nothing else can be put in their place, and nothing else can be changed.
    for new in ('{"role":"admin"}', '{"role":"user","name":"eve"}', "{}"):
        await execute("UPDATE portico_audit SET new = $1 WHERE number = 5", new)
        assert await findings() == ["segment 1: entry 5 was changed"]


async def test_entry_committed_later_with_a_smaller_number_is_sealed(database: Database) -> None:
    if database.dialect == "sqlite":
        return  # one writer at a time
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow_writer() -> None:
        async with transaction():
            await record_change("thing.slow", "thing", "slow")
            begun.set()
            await may_end.wait()

    sealer = AuditSealer(encryptor(), "here")
    writing = asyncio.create_task(slow_writer())
    await begun.wait()
    await add("quick")
    await sealer.seal()
    may_end.set()
    await writing
    assert (await verify_chain(encryptor())).unsealed == 1
    await sealer.seal()
    rows = await fetch_all("SELECT resource_id, segment FROM portico_audit ORDER BY number")
    assert [tuple(row.values()) for row in rows] == [("slow", 2), ("id-quick", 1)]
    report = await verify_chain(encryptor())
    assert (report.findings, report.entries, report.unsealed) == ([], 2, 0)


async def test_one_process_seals_at_a_time_and_another_continues_after_a_kill(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (AuditSealer(encryptor(), name) for name in ("first", "second"))
    await add("ada", "eve")

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(AuditSealer, "_add_seal", killed)
        while True:  # segment 0 is empty: the second one has the entries
            await first.seal()
    assert await fetch_all("SELECT 1 FROM portico_audit_seal") == []
    assert await second.seal() == 0
    await execute("UPDATE portico_audit_chain SET held_until = 0")
    assert await second.seal() == 2
    assert await first.seal() == 0
    assert (await verify_chain(encryptor())).findings == []
    await execute("UPDATE portico_audit_chain SET holder = 'second', held_until = 0")
    await add("bob")

    async def overtaken(self: AuditSealer, segment: int) -> None:
        await execute("UPDATE portico_audit_chain SET holder = 'other'")

    with monkeypatch.context() as patch:
        patch.setattr(AuditSealer, "_assign_entries", overtaken)
        assert await first.seal() == 0
    assert await fetch_all("SELECT segment FROM portico_audit_seal WHERE segment > 1") == []


async def test_chain_stays_valid_with_new_keys(database: Database) -> None:
    await sealed()
    # With the earlier key still configured:
    both = AuditSealer(encryptor(NEW_KEY, KEY), "here")
    await both.seal()
    assert await findings(NEW_KEY, KEY) == []
    # Without it, what the new key has signed covers all that comes before.
    assert await findings(NEW_KEY) == []
    await execute("UPDATE portico_audit SET author = 'eve' WHERE number = 5")
    assert await findings(NEW_KEY) == ["segment 1: one of the entries 4-6 was changed"]
    await execute("UPDATE portico_audit SET author = '' WHERE number = 5")


async def test_replaced_key_signs_the_end_of_the_chain(database: Database) -> None:
    sealer = await sealed()
    await sealer.seal()
    assert "nothing after them is signed" in (await findings(NEW_KEY))[0]
    await renew_end_signature(encryptor(NEW_KEY))  # `portico secret replace`
    assert await findings(NEW_KEY) == []
    renewed = AuditSealer(encryptor(NEW_KEY), "here")
    await add("later")
    assert await renewed.seal() == 1
    assert await findings(NEW_KEY) == []


async def test_retention_removes_whole_segments_and_leaves_their_seals(database: Database) -> None:
    day = 86400
    await sealed()
    retention = AuditRetention(30, encryptor())
    assert await retention.delete_batch(now() + 29 * day) == 0
    assert await retention.delete_batch(now() + 31 * day) == 9
    assert await counts() == [1]
    report = await verify_chain(encryptor())
    assert (report.segments, report.removed_segments, report.findings) == (3, 3, [])
    await AuditSealer(encryptor(), "here").seal()
    assert (await verify_chain(encryptor())).findings == []
    # The retention does not sign a changed end.
    await execute("UPDATE portico_audit_chain SET removed_through = 1")
    await retention.delete_batch(now() + 31 * day)
    assert "the end of the chain was changed" in await findings()


async def test_entries_wait_while_an_earlier_release_runs(database: Database) -> None:
    earlier = OwnInstance()
    await earlier.register(Release("0", "0", {"audit": "0002_audit_words"}))
    await add("ada")
    sealer = AuditSealer(encryptor(), "here")
    assert await sealer.seal() == 0
    await execute("UPDATE portico_audit SET at = at - 60")
    assert "earlier release runs" in (await verify_chain(encryptor())).notes[0]
    await earlier.unregister()
    assert await sealer.seal() == 2


async def test_old_unsealed_rest_is_named(database: Database) -> None:
    await sealed()
    await execute("UPDATE portico_audit SET at = at - 60 WHERE number = 10")
    assert await unsealed_age() >= 60
    report = await verify_chain(encryptor())
    assert report.findings == [] and "1 entries are not sealed" in report.notes[0]
    server = OwnInstance()
    await server.register(Release("1", "1", {"audit": "0003_chain"}))
    assert "although a server is running" in (await findings())[0]


async def test_many_earlier_entries_become_segment_zero(database: Database) -> None:
    async with transaction():
        for start in range(0, 1200, 100):
            await current_database().execute(
                "INSERT INTO portico_audit (at, author, event, resource_kind, resource_id, segment) VALUES "
                + ", ".join(f"({start + n}, '', 'x', 'x', 'x', 0)" for n in range(100))
            )
    await add("ada")
    assert await AuditSealer(encryptor(), "here").seal() == 2
    report: ChainReport = await verify_chain(encryptor())
    assert (report.entries, report.segments, report.findings) == (1201, 2, [])
