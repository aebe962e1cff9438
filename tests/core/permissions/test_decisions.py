"""Deciding about one thing: relations, refusals that do not tell, and the switches above the policies."""

import pytest
from tests.core.permissions.conftest import NOTE, NOTE_POLICIES, AddGroup, AddPerson

from portico.db import Database
from portico.errors import Forbidden, NotFound
from portico.permissions import (
    PackagedPolicy,
    Permissions,
    PolicyFile,
    PolicyRule,
    Resource,
    ResourceKind,
    read_access_control,
)
from portico.permissions.subjects import SWITCHES
from portico.settings.schema import AccessSettings
from portico_models.records.resource_kind import COLLECTION_ACTIONS, ITEM_ACTIONS

pytestmark = pytest.mark.anyio

MODEL = ResourceKind("model", "note_note", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS)


@pytest.fixture
def permissions() -> Permissions:
    permissions = Permissions()
    permissions.activate_packaged([NOTE], NOTE_POLICIES)
    return permissions


async def test_reader_may_read_and_not_write(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    note = Resource("note", "one", "bob")
    await permissions.grants.write(
        "note", "one", read_access_control({"read": {"user_ids": ["ann"]}})
    )

    await permissions.require(ann, "read", note)
    with pytest.raises(Forbidden):
        await permissions.require(ann, "write", note)


@pytest.mark.case("AB-40")
async def test_unreadable_resource_looks_like_a_missing_one(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")

    for action in NOTE.actions:
        with pytest.raises(NotFound) as refusal:
            await permissions.require(ann, action, Resource("note", "one", "bob"))
        assert refusal.value.detail == NotFound.default


async def test_writer_without_read_access_may_write(
    permissions: Permissions, add_person: AddPerson
) -> None:
    ann = await add_person("ann")
    note = Resource("note", "one", "bob")
    await permissions.grants.write(
        "note", "one", read_access_control({"write": {"user_ids": ["ann"]}})
    )

    await permissions.require(ann, "write", note)
    with pytest.raises(NotFound):
        await permissions.require(ann, "read", note)


async def test_owner_is_decided_without_a_statement(
    permissions: Permissions, add_person: AddPerson, database: Database
) -> None:
    ann = await add_person("ann")
    await database.execute("DROP TABLE portico_grant")

    assert await permissions.allows(ann, "write", Resource("note", "one", "ann"))


@pytest.mark.case("AB-16")
async def test_pending_account_is_denied_shared_resources(
    permissions: Permissions, add_person: AddPerson
) -> None:
    eve = await add_person("eve", role="pending")
    await permissions.grants.write("note", "one", read_access_control(None))

    assert not await permissions.allows(eve, "read", Resource("note", "one", "eve"))
    assert await permissions.visible_ids(eve, "read", "note") == set()


async def test_administrator_needs_a_rule(permissions: Permissions, add_person: AddPerson) -> None:
    root = await add_person("root", role="admin")
    note = Resource("note", "one", "bob")
    assert not await permissions.allows(root, "read", note)

    permissions.activate_packaged(
        [NOTE], [*NOTE_POLICIES, PolicyRule("note", "read", "role:admin")]
    )
    assert await permissions.allows(root, "read", note)


@pytest.mark.case("AB-34")
async def test_leaving_a_group_counts_at_once(
    permissions: Permissions, add_person: AddPerson, add_group: AddGroup, database: Database
) -> None:
    ann = await add_person("ann")
    await add_group("crew", ann)
    note = Resource("note", "one", "bob")
    await permissions.grants.write(
        "note", "one", read_access_control({"read": {"group_ids": ["crew"]}})
    )
    assert await permissions.allows(ann, "read", note)

    await database.execute("DELETE FROM portico_group_member")

    assert not await permissions.allows(ann, "read", note)


async def test_deny_wins(permissions: Permissions, add_person: AddPerson) -> None:
    ann = await add_person("ann")
    permissions.activate_packaged(
        [NOTE], [*NOTE_POLICIES, PolicyRule("note", "delete", "owner", "deny")]
    )

    assert await permissions.allows(ann, "write", Resource("note", "one", "ann"))
    assert not await permissions.allows(ann, "delete", Resource("note", "one", "ann"))


async def test_unknown_kind_cannot_be_listed(
    permissions: Permissions, add_person: AddPerson
) -> None:
    with pytest.raises(LookupError):
        await permissions.where_allowed(await add_person("ann"), "read", "picture")


async def test_administrator_reads_only_shared_models_without_the_bypass(
    add_person: AddPerson,
) -> None:
    root = await add_person("root", role="admin")
    model = Resource("model", "one", "bob")
    policies = [PackagedPolicy("portico_policies", "models.csv")]

    usual = Permissions()
    usual.activate_packaged([MODEL], policies)
    strict = Permissions(AccessSettings(bypass_admin_access_control=False))
    strict.activate_packaged([MODEL], policies)

    assert await usual.allows(root, "read", model)
    assert not await strict.allows(root, "read", model)
    assert not await strict.allows(root, "list", model)
    assert await strict.allows(root, "write", model)
    await strict.grants.write("model", "one", read_access_control(None))
    assert await strict.allows(root, "read", model)


async def test_model_access_is_not_checked_while_the_switch_is_on(add_person: AddPerson) -> None:
    ann, eve = await add_person("ann"), await add_person("eve", role="pending")
    permissions = Permissions(AccessSettings(bypass_model_access_control=True))
    permissions.activate_packaged([MODEL], [PackagedPolicy("portico_policies", "models.csv")])
    model = Resource("model", "one", "bob")

    assert await permissions.allows(ann, "read", model)
    assert not await permissions.allows(ann, "write", model)
    assert not await permissions.allows(eve, "read", model)


async def test_pending_account_has_no_switches(add_person: AddPerson) -> None:
    """Also under an operator's policy without the rule that denies pending accounts everything."""
    settings = (
        "bypass_admin_access_control",
        "bypass_model_access_control",
        "admin_chat_access",
        "admin_export",
    )
    permissions = Permissions(AccessSettings(**dict.fromkeys(settings, True)))
    rules = "\n".join(f"p, model, read, {switch}, allow" for switch in SWITCHES)
    rules += "\np, *, *, role:admin, allow"
    permissions.activate(permissions.compile([MODEL], [PolicyFile("all.csv", "all.csv", rules)]))
    model = Resource("model", "one", "bob")

    assert await permissions.allows(await add_person("ann"), "read", model)
    assert not await permissions.allows(await add_person("eve", role="pending"), "read", model)
