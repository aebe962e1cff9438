"""What is remembered of a decision is forgotten with whatever it rests on."""

import pytest
from tests.core.permissions.conftest import NOTE, NOTE_LAW, AddGroup, AddPerson

from portico.db import Database, execute, fetch_all, transaction
from portico.events import EventBus
from portico.identity import GroupChanged, GroupDeleting
from portico.permissions import (
    Permissions,
    PolicyFile,
    PolicyLine,
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
    """One that would remember for an hour."""
    permissions = Permissions(ttl_seconds=3600)
    permissions.activate_packaged([NOTE], NOTE_LAW)
    return permissions


@pytest.fixture
def bus(permissions: Permissions) -> EventBus:
    bus = EventBus(lambda owner, handle, event: handle(event))
    bus.subscribe("portico", [*permissions.listeners(), *permissions.last_listeners()])
    return bus


async def test_a_decision_is_asked_for_once(
    permissions: Permissions, add_person: AddPerson, database: Database
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    await database.execute("DROP TABLE portico_grant")

    assert await permissions.allows(ann, "read", ONE)


async def test_a_grant_that_is_taken_back_counts_with_the_next_decision(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    await permissions.grants.write("note", "one", PRIVATE)

    assert not await permissions.allows(ann, "read", ONE)


async def test_AB_34_whoever_leaves_a_group_loses_what_it_was_given_with_the_next_decision(
    permissions: Permissions, bus: EventBus, add_person: AddPerson, add_group: AddGroup
) -> None:
    ann = await add_person("ann")
    await add_group("crew", ann)
    await permissions.grants.write("note", "one", read_access_control(FOR_CREW))
    assert await permissions.allows(ann, "read", ONE)

    await execute("DELETE FROM portico_group_member")
    bus.publish(GroupChanged("crew"))

    assert not await permissions.allows(ann, "read", ONE)


async def test_a_role_given_to_a_group_goes_with_the_membership(
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


async def test_the_grants_of_a_group_go_with_it(
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


async def test_another_law_counts_with_the_next_decision(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    await permissions.grants.write("note", "one", read_access_control(FOR_ANN))
    assert await permissions.allows(ann, "read", ONE)

    permissions.activate_packaged(
        [NOTE], [*NOTE_LAW, PolicyLine("note", "read", "user:ann", "deny")]
    )

    assert not await permissions.allows(ann, "read", ONE)
    assert await permissions.visible_ids(ann, "read", "note") == set()


async def test_inside_a_transaction_what_it_wrote_counts_and_is_not_remembered(
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


async def test_a_list_means_the_same_whether_somebody_holds_few_or_very_many(
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
    # Whoever reads all of them has nothing of walking along an index.
    assert (await permissions.where_allowed(ann, "read", "note", whole=True)).sql == few.sql
    assert await permissions.visible_ids(ann, "read", "note") == held
