"""Last-seen times of accounts."""

from typing import Any

import pytest

from portico.db import execute, fetch_one, now
from portico.identity import Identity

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time that presence goes by; change the one entry."""
    time = [now()]
    monkeypatch.setattr("portico.identity.accounts.last_seen.now", lambda: time[0])
    return time


async def stored(account_id: str) -> int:
    row = await fetch_one("SELECT last_active_at FROM portico_account WHERE id = $1", account_id)
    assert row is not None
    return int(row["last_active_at"])


async def test_seen_account_is_active_for_three_minutes(
    identity: Identity, clock: list[int]
) -> None:
    identity.presence.touch("ann")
    assert identity.presence.is_active("ann", 0) and not identity.presence.is_active("ben", 0)
    clock[0] += 180
    assert identity.presence.is_active("ann", 0)
    clock[0] += 1
    assert not identity.presence.is_active("ann", 0)
    assert identity.presence.is_active("ann", clock[0] - 10)


async def test_last_seen_is_written_at_most_once_a_minute_and_never_lost(
    identity: Identity, new_account: Any, clock: list[int]
) -> None:
    ann = await new_account("Ann")
    await execute("UPDATE portico_account SET last_active_at = 1")
    identity.presence.touch(ann.id)
    assert await stored(ann.id) == 1
    await identity.presence.flush()
    first = clock[0]
    assert await stored(ann.id) == first
    clock[0] += 59
    identity.presence.touch(ann.id)
    await identity.presence.flush()
    assert await stored(ann.id) == first
    clock[0] += 1
    await identity.presence.flush()
    assert await stored(ann.id) == first
    identity.presence.touch(ann.id)
    await identity.presence.flush()
    assert await stored(ann.id) == first + 60


async def test_stop_flushes_pending_last_seen_times(
    identity: Identity, new_account: Any, clock: list[int]
) -> None:
    account_ids = [(await new_account(f"P{number}")).id for number in range(3)]
    await execute("UPDATE portico_account SET last_active_at = 1")
    for account_id in account_ids:
        identity.presence.touch(account_id)
    await identity.presence.flush()
    clock[0] += 20
    identity.presence.start()
    identity.presence.touch(account_ids[0])
    await identity.presence.stop()
    assert [await stored(account_id) - clock[0] for account_id in account_ids] == [0, -20, -20]


async def test_flush_writes_more_rows_than_one_statement_holds(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    await execute("UPDATE portico_account SET last_active_at = 1")
    for number in range(1200):
        identity.presence.touch(f"0-{number:05}")
    identity.presence.touch(ann.id)
    await identity.presence.flush()
    assert await stored(ann.id) > 1


async def test_older_time_does_not_overwrite_a_newer_one_of_another_instance(
    identity: Identity, new_account: Any, clock: list[int]
) -> None:
    ann = await new_account("Ann")
    identity.presence.touch(ann.id)
    await execute("UPDATE portico_account SET last_active_at = $1", clock[0] + 5)
    await identity.presence.flush()
    assert await stored(ann.id) == clock[0] + 5


async def test_inactive_rows_are_dropped_after_they_were_written(
    identity: Identity, clock: list[int]
) -> None:
    identity.presence.touch("ann")
    await identity.presence.flush()
    clock[0] += 181
    await identity.presence.flush()
    assert identity.presence.last_active("ann", 0) == 0


async def test_row_seen_again_is_written_and_dropped_later(
    identity: Identity, new_account: Any, clock: list[int]
) -> None:
    ann, presence = await new_account("Ann"), identity.presence
    presence.touch(ann.id)
    await presence.flush()
    clock[0] += 30
    presence.touch(ann.id)
    presence.touch("deleted meanwhile")
    seen_at = clock[0]
    clock[0] += 181
    await presence.flush()
    assert await stored(ann.id) == seen_at
    assert not presence._seen and not presence._written


async def test_tracked_rows_are_limited(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.identity.accounts.last_seen.MAX_TRACKED", 10)
    for n in range(100):
        identity.presence.touch(f"{n}")
    assert list(identity.presence._seen) == [f"{n}" for n in range(90, 100)]
