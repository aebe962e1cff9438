"""Rows of grants: what is written, what is read, and what happens to those of people who are gone."""

import pytest
from tests.core.permissions.conftest import AddGroup, AddPerson

from portico.db import Database, fetch_all, fetch_one, transaction
from portico.errors import InvalidRequest
from portico.events import EventBus
from portico.identity import AccountDeleting
from portico.permissions import PRIVATE, Grants, Permissions, Resource, read_access_control

pytestmark = pytest.mark.anyio


async def test_grants_keep_their_order(add_person: AddPerson, add_group: AddGroup) -> None:
    for name in ("zoe", "ann"):
        await add_person(name)
    await add_group("crew")
    sharing = read_access_control(
        {"read": {"user_ids": ["zoe", "ann"]}, "write": {"group_ids": ["crew"]}}
    )

    await Grants().write("note", "one", sharing)
    await Grants().write("note", "two", read_access_control(None))

    assert await Grants().sharing_of("note", "one") == sharing
    assert await Grants().sharing_of("note", "absent") == PRIVATE
    assert set(await Grants().sharings_of("note", ["one", "two", "absent"])) == {"one", "two"}
    assert set(await Grants().sharings_of("note")) == {"one", "two"}
    assert await Grants().sharings_of("note", []) == {}


async def test_write_replaces_and_delete_removes_all_grants(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    await Grants().write("note", "one", read_access_control({"read": {"user_ids": ["ann"]}}))

    await Grants().write("note", "one", read_access_control(None))
    assert (await Grants().sharing_of("note", "one")).is_public

    await Grants().delete("note", "one")
    assert await fetch_one("SELECT * FROM portico_grant") is None


@pytest.mark.parametrize(
    "ids", [{"user_ids": ["absent"]}, {"group_ids": ["none"]}, {"user_ids": ["*"]}]
)
@pytest.mark.case("AB-33")
async def test_sharing_with_unknown_account_is_rejected(
    ids: dict[str, list[str]], database: Database
) -> None:
    with pytest.raises(InvalidRequest):
        await Grants().write("note", "one", read_access_control({"read": ids}))

    assert await Grants().sharing_of("note", "one") == PRIVATE


async def test_grants_are_rolled_back_with_the_transaction(
    database: Database, add_person: AddPerson
) -> None:
    with pytest.raises(RuntimeError):
        async with transaction():
            await Grants().write("note", "one", read_access_control(None))
            raise RuntimeError

    assert await Grants().sharing_of("note", "one") == PRIVATE


async def test_relations_come_from_user_group_and_everyone(
    add_person: AddPerson, add_group: AddGroup
) -> None:
    ann, bob, eve = await add_person("ann"), await add_person("bob"), await add_person("eve")
    await add_group("crew", bob)
    document = {"read": {"user_ids": [ann.id]}, "write": {"group_ids": ["crew"]}}
    await Grants().write("note", "one", read_access_control(document))
    await Grants().write("note", "two", read_access_control(None))
    one, two = Resource("note", "one", None), Resource("note", "two", None)

    assert await Grants().relations_of(ann.id, one) == {"reader"}
    assert await Grants().relations_of(bob.id, one) == {"writer"}
    assert await Grants().relations_of(eve.id, one) == frozenset()
    assert await Grants().relations_of(eve.id, two) == {"everyone"}


async def test_saving_again_drops_deleted_accounts_silently(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    await add_person("bob")
    document = {"read": {"user_ids": ["ann", "bob"]}}
    await Grants().write("note", "one", read_access_control(document))
    await database.execute("DELETE FROM portico_account WHERE id = 'bob'")

    document["write"] = {"user_ids": ["ann"]}
    await Grants().write("note", "one", read_access_control(document))

    kept = await Grants().sharing_of("note", "one")
    assert {share.principal_id for share in kept.shares} == {"ann"}


async def test_grants_of_a_deleted_account_are_deleted(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    await Grants().write("note", "one", read_access_control({"read": {"user_ids": ["ann"]}}))

    bus = EventBus(lambda owner, handle, event: handle(event))
    bus.subscribe("portico", Permissions().last_listeners())
    await bus.publish_in_transaction(AccountDeleting("ann", new_owner_id="root"))

    assert await Grants().sharing_of("note", "one") == PRIVATE


async def test_many_ids_are_written_in_several_statements(
    database: Database, add_person: AddPerson
) -> None:
    people = [f"person-{number}" for number in range(620)]
    async with transaction():
        for name in people:
            await add_person(name)
        await Grants().write("note", "one", read_access_control({"read": {"user_ids": people}}))

    assert len((await Grants().sharing_of("note", "one")).shares) == 620


async def test_delete_many_deletes_grants_of_these_resources_only(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    shared = read_access_control({"read": {"user_ids": ["ann"]}})
    names = [f"thing-{number}" for number in range(520)]
    async with transaction():
        for name in names:
            await Grants().write("note", name, shared)
        await Grants().write("page", "thing-1", shared)

    async with transaction():
        await Grants().delete_many("note", [*names[1:], "absent"])

    assert list(await Grants().sharings_of("note")) == ["thing-0"]
    assert list(await Grants().sharings_of("page")) == ["thing-1"]
    dropped = await database.rows("SELECT 1 FROM portico_audit WHERE new = '{}'")
    assert len(dropped) == 519


async def test_without_missing_keeps_existing_principals(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    wanted = {"read": {"user_ids": ["ann", "gone"], "group_ids": ["gone"]}}

    still = await Grants().without_missing(read_access_control(wanted))

    assert still.same_as(read_access_control({"read": {"user_ids": ["ann"]}}))


async def test_write_many_audits_changes_only(database: Database, add_person: AddPerson) -> None:
    for name in ("ann", "bob"):
        await add_person(name)
    grants = Grants()
    to_ann = read_access_control({"read": {"user_ids": ["ann"]}, "write": {"user_ids": ["bob"]}})
    public = read_access_control(None)
    first = {f"n{number:03}": to_ann if number % 2 else public for number in range(250)}

    async with transaction():
        await grants.write_many("note", first)
    second = first | {"n000": PRIVATE, "n001": public, "new": to_ann}
    async with transaction():
        await grants.write_many("note", second | {"nothing": PRIVATE})

    assert await grants.sharings_of("note") == {one: s for one, s in second.items() if s != PRIVATE}
    noted = await fetch_all("SELECT resource_id FROM portico_audit ORDER BY number")
    assert len(noted) == 250 + 3
    assert [one["resource_id"] for one in noted[:250]] == list(first)

    await grants.delete_many("note", list(second))
    assert await grants.sharings_of("note") == {}


@pytest.mark.case("AB-33")
async def test_write_many_with_unknown_account_is_rejected(
    database: Database, add_person: AddPerson
) -> None:
    await add_person("ann")
    good = read_access_control({"read": {"user_ids": ["ann"]}})
    bad = read_access_control({"read": {"user_ids": ["ann", "absent"]}})

    assert {one.principal_id for one in await Grants().missing([good, bad])} == {"absent"}
    with pytest.raises(InvalidRequest, match="names user absent"):
        await Grants().write_many("note", {"one": good, "two": bad})

    assert await Grants().sharings_of("note") == {}
