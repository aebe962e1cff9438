"""Groups: members, permissions and deletion."""

from typing import Any

import pytest

from portico.db import Database
from portico.errors import InvalidRequest
from portico.events import EventBus, Listener
from portico.identity import GroupChanged, GroupDeleting, Identity
from portico.identity.tables import TABLES

pytestmark = pytest.mark.anyio

MODELS = {"workspace": {"models": True}}


async def test_new_group_is_empty_and_members_are_listed_by_account(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    group = await identity.groups.create(
        name="Staff", description="All of us", by=ann.id, permissions=MODELS, data={"config": {}}
    )
    assert (group.member_count, group.account_id, group.data) == (0, ann.id, '{"config":{}}')
    assert (await identity.groups.add_members(group.id, [ben.id])).group.member_count == 1
    assert await identity.groups.ids_of_account(ben.id) == [group.id]
    assert await identity.groups.ids_of_account(ann.id) == []
    assert [event for event in published if isinstance(event, GroupChanged)] == [
        GroupChanged(group.id)
    ] * 2


@pytest.mark.case("AB-30")
async def test_adding_members_is_a_union_of_existing_accounts(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    group = await identity.groups.create(name="G", description="", by=ann.id)

    async def count_after_adding(*ids: str) -> int:
        return (await identity.groups.add_members(group.id, ids)).group.member_count

    assert await count_after_adding(ann.id) == 1
    assert await count_after_adding(ann.id, ben.id, ben.id, "missing", "\x00", "") == 2
    assert await count_after_adding() == 2
    assert await count_after_adding(*(f"missing-{n}" for n in range(1200)), ann.id) == 2


async def test_joining_a_missing_group_is_refused(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    for group_id in ("nothing", "\x00"):
        with pytest.raises(InvalidRequest, match="Error adding users to group"):
            await identity.groups.add_members(group_id, [ann.id])


async def test_membership_grants_the_permissions_of_the_group(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="user")
    admin = await identity.sessions.resolve((await identity.sessions.open(ann)).token)
    actor = await identity.sessions.resolve((await identity.sessions.open(ben)).token)
    assert admin is not None and actor is not None
    assert await identity.is_permitted(admin, "workspace.models")
    assert not await identity.is_permitted(actor, "workspace.models")
    assert await identity.is_permitted(actor, "chat.delete")
    for permissions in (None, MODELS):
        group = await identity.groups.create(
            name="G", description="", by=ann.id, permissions=permissions
        )
        await identity.groups.add_members(group.id, [ben.id])
    assert await identity.is_permitted(actor, "workspace.models")
    assert (await identity.permissions_of(ann.id))["workspace"]["models"] is False


async def test_long_description_is_refused(identity: Identity) -> None:
    with pytest.raises(InvalidRequest):
        await identity.groups.create(name="G", description="x" * 5000, by="ann")


async def test_tables_match_the_migrations(database: Database) -> None:
    for table in TABLES.tables:
        columns = {column._meta.name for column in table._meta.columns}
        rows = await database.rows(f"SELECT * FROM {table._meta.tablename} LIMIT 0")
        assert rows == []
        listed = ", ".join(columns)
        await database.rows(f"SELECT {listed} FROM {table._meta.tablename} LIMIT 1")
        if database.dialect == "sqlite":
            info = await database.rows(f"PRAGMA table_info({table._meta.tablename})")
            assert {column["name"] for column in info} == columns


async def test_listener_can_prevent_the_deletion_of_a_group(
    identity: Identity, bus: EventBus, published: list[Any]
) -> None:
    group = await identity.groups.create(name="G", description="", by="")
    seen: list[Any] = []

    async def refuse(event: GroupDeleting) -> None:
        seen.append(await identity.groups.find(event.id))
        raise ZeroDivisionError

    bus.subscribe("test", [Listener(GroupDeleting, refuse)])
    published.clear()
    with pytest.raises(ZeroDivisionError):
        await identity.groups.delete(group.id)
    assert seen == [group] and published == []
    assert await identity.groups.find(group.id) == group
    bus.unsubscribe("test")
    assert await identity.groups.delete(group.id)
    assert not await identity.groups.delete(group.id)
    assert await identity.groups.all() == []


async def test_groups_of_a_deleted_account_are_transferred_or_deleted(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="admin")
    cid = await new_account("Cid", role="user")
    accounts, groups = identity.accounts, identity.groups
    kept = await groups.create(name="kept", description="", by=ben.id)
    gone = await groups.create(name="gone", description="", by=cid.id)
    await groups.add_members(kept.id, [ann.id, ben.id])
    await accounts.delete(ben.id, by=ann.id)
    await accounts.delete(cid.id, by=ann.id, delete_content=True)
    (left,) = await groups.all()
    assert (left.id, left.account_id, left.member_count) == (kept.id, ann.id, 1)
    assert await groups.existing_ids([gone.id, kept.id, "\x00", *map(str, range(600))]) == {kept.id}


async def test_set_members_makes_exactly_the_list_members(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    groups = identity.groups
    group = await groups.create(name="G", description="", by="")
    for wanted in ([ann.id], [ben.id, "missing"], [ann.id, ben.id], []):
        membership = await groups.set_members(group.id, wanted)
        assert set(await groups.member_ids(group.id)) == set(wanted) - {"missing"}
        assert membership.group.member_count == len(set(wanted) - {"missing"})
        assert membership.ignored == tuple({"missing"} & set(wanted))


async def test_taken_group_id_is_refused(identity: Identity) -> None:
    groups = identity.groups
    group = await groups.create(name="G", description="", by="", group_id="g-1")
    with pytest.raises(InvalidRequest, match="Error creating group"):
        await groups.create(name="H", description="", by="", group_id="g-1")
    assert await groups.all() == [group]
