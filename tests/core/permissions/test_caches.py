"""Cached decisions end with a change of what they are based on."""

import pytest
from tests.core.permissions.conftest import NOTE, NOTE_POLICIES, AddGroup, AddPerson

from portico.db import Database, execute, fetch_all, transaction
from portico.events import EventBus
from portico.identity import GroupChanged, GroupDeleting
from portico.permissions import (
    Permissions,
    PolicyFile,
    PolicyRule,
    Resource,
    read_access_control,
)
from portico.permissions.sharing import PRIVATE

pytestmark = pytest.mark.anyio

ONE = Resource("note", "one", "bob")
FOR_ANN = {"read": {"user_ids": ["ann"]}}
FOR_CREW = {"read": {"group_ids": ["crew"]}}


@pytest.fixture
def permissions() -> Permissions:
    """Permissions with a cache of an hour."""
    permissions = Permissions(ttl_seconds=3600)
    permissions.activate_packaged([NOTE], NOTE_POLICIES)
    return permissions


@pytest.fixture
def bus(permissions: Permissions) -> EventBus:
    bus = EventBus(lambda owner, handle, event: handle(event))
    bus.subscribe("portico", [*permissions.listeners(), *permissions.last_listeners()])
    return bus


async def test_decision_is_cached(
    permissions: Permissions, add_person: AddPerson, database: Database
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    await database.execute("DROP TABLE portico_grant")

    assert await permissions.allows(ann, "read", ONE)


async def test_revoked_grant_counts_with_the_next_decision(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    await permissions.grants.write("note", "one", PRIVATE)

    assert not await permissions.allows(ann, "read", ONE)


@pytest.mark.case("AB-34")
async def test_removed_member_loses_grants_of_the_group(
    permissions: Permissions, bus: EventBus, add_person: AddPerson, add_group: AddGroup
) -> None:
    ann = await add_person("ann")
    await add_group("crew", ann)
    await permissions.grants.write("note", "one", read_access_control(FOR_CREW))
    assert await permissions.allows(ann, "read", ONE)

    await execute("DELETE FROM portico_group_member")
    bus.publish(GroupChanged("crew"))

    assert not await permissions.allows(ann, "read", ONE)


async def test_removed_member_loses_role_of_the_group(
    permissions: Permissions, bus: EventBus, add_person: AddPerson, add_group: AddGroup
) -> None:
    ann = await add_person("ann")
    await add_group("crew", ann)
    text = "g, group:crew, role:auditor\np, note, read, role:auditor, allow\n"
    permissions.activate(permissions.compile([NOTE], [PolicyFile("ours.csv", "ours.csv", text)]))
    assert await permissions.allows(ann, "read", ONE)

    await execute("DELETE FROM portico_group_member")
    bus.publish(GroupChanged("crew"))

    assert not await permissions.allows(ann, "read", ONE)


async def test_grants_of_a_deleted_group_are_deleted(
    permissions: Permissions, bus: EventBus, add_person: AddPerson, add_group: AddGroup
) -> None:
    ann = await add_person("ann")
    await add_group("crew", ann)
    await permissions.grants.write("note", "one", read_access_control(FOR_CREW))
    assert await permissions.allows(ann, "read", ONE)

    async with transaction():
        await bus.publish_in_transaction(GroupDeleting("crew"))

    assert not await permissions.allows(ann, "read", ONE)
    assert await permissions.grants.sharing_of("note", "one") == PRIVATE


async def test_activated_policies_count_with_the_next_decision(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    permissions.activate_packaged(
        [NOTE], [*NOTE_POLICIES, PolicyRule("note", "read", "user:ann", "deny")]
    )

    assert not await permissions.allows(ann, "read", ONE)
    assert await permissions.visible_ids(ann, "read", "note") == set()


async def test_transaction_reads_its_own_grants_and_does_not_cache_them(
    permissions: Permissions, add_person: AddPerson
) -> None:
    class Undone(Exception):
        pass

    ann = await add_person("ann")
    assert not await permissions.allows(ann, "read", ONE)

    with pytest.raises(Undone):
        async with transaction():
            await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
            assert await permissions.allows(ann, "read", ONE)
            raise Undone

    assert not await permissions.allows(ann, "read", ONE)


async def test_lookup_and_scan_return_the_same_rows(
    permissions: Permissions, add_person: AddPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await add_person("ann")
    for number in range(12):
        await execute("INSERT INTO note_note (id, user_id) VALUES ($1, 'bob')", f"n{number}")
        shared = read_access_control(FOR_ANN if number % 2 else {})
        await permissions.grants.write("note", f"n{number}", shared)
    few = await permissions.where_allowed(ann, "read", "note")
    held = {f"n{number}" for number in range(1, 12, 2)}

    monkeypatch.setattr("portico.permissions.decisions.LOOKUP_MAX_ROWS", 2)
    monkeypatch.setattr("portico.permissions.decisions.LOOKUP_MAX_ROWS_OF_LARGE_TABLE", 2)
    permissions.activate(permissions.policies)
    many = await permissions.where_allowed(ann, "read", "note")

    assert few.sql != many.sql
    for which in (few, many):
        found = await fetch_all(f"SELECT id FROM note_note WHERE {which.sql}", *which.args)
        assert {one["id"] for one in found} == held
    # An actor who reads all rows gains nothing from an index.
    assert (await permissions.where_allowed(ann, "read", "note", whole=True)).sql == few.sql
    assert await permissions.visible_ids(ann, "read", "note") == held
