"""Changing and deleting accounts: who may, what it ends, what is noted."""

import asyncio
from typing import Any

import pytest

from portico.audit import AuditFilter, AuditLog, acting_as
from portico.db import execute, fetch_all
from portico.errors import (
    ACCESS_PROHIBITED,
    ACTION_PROHIBITED,
    EMAIL_TAKEN,
    Forbidden,
    InvalidRequest,
    NotFound,
)
from portico.events import EventBus, Listener
from portico.identity import AccountChanged, AccountChanges, AccountDeleting, AccountQuery, Identity

pytestmark = pytest.mark.anyio


async def trail(account_id: str) -> list[tuple[str, str, str, str]]:
    """What was noted of an account, oldest first: author, what, was, became."""
    entries = await AuditLog().page(AuditFilter(resource_kind="account", resource_id=account_id))
    return [
        (entry.author, entry.event, bytes(entry.old).decode(), bytes(entry.new).decode())
        for entry in reversed(entries)
    ]


async def test_update_changes_all_fields_and_records_no_secrets(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", password="old", role="user")
    session = await identity.sessions.open(ben)
    published.clear()
    hashed = await identity.hash_password("new")
    wanted = AccountChanges(
        name="Benno", email="BENNO@x.de", role="pending", profile_image_url="", password_hash=hashed
    )
    with acting_as(ann.id):
        now = await identity.accounts.update(ben.id, wanted, by=ann.id)
    assert (now.name, now.email, now.role, now.profile_image_url) == (
        "Benno",
        "benno@x.de",
        "pending",
        "",
    )
    assert (await identity.check_password("benno@x.de", "new")).id == ben.id
    assert await identity.sessions.resolve(session.token) is None
    assert published[-1] == AccountChanged(ben.id)
    found, _ = await identity.account_list.summaries(AccountQuery(query="benno@"))
    assert [account.id for account in found] == [ben.id]
    assert await trail(ben.id) == [
        ("", "account.created", "null", '{"email":"ben@example.org","name":"Ben","role":"user"}'),
        (ann.id, "role.changed", '"user"', '"pending"'),
        (ann.id, "account.changed", '{"name":"Ben","email":"ben@example.org"}',
         '{"name":"Benno","email":"benno@x.de","fields":["email","name","profile_image_url"]}'),
        (ann.id, "password.changed", "null", "null"),
    ]  # fmt: skip


async def test_update_with_an_invalid_field_changes_nothing(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="user")
    before = await trail(ben.id)
    for wanted, reason in (
        (AccountChanges(name="X", email="ann@EXAMPLE.org"), EMAIL_TAKEN),
        (AccountChanges(name="X", email="nowhere"), "email format"),
        (AccountChanges(name="X", role="root"), "Invalid role"),
        (AccountChanges(name="X", profile_image_url="javascript:1"), "Invalid profile image"),
        (AccountChanges(name="X" * 257, role="pending"), "256 characters"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await identity.accounts.update(ben.id, wanted, by=ann.id)
        assert reason in refused.value.detail
    assert await identity.accounts.by_id(ben.id) == ben and await trail(ben.id) == before
    with pytest.raises(NotFound):
        await identity.accounts.update("absent", AccountChanges(name="X"), by=ann.id)


async def test_unchanged_fields_are_neither_validated_nor_published(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="user")
    await execute(
        "UPDATE portico_account SET profile_image_url = 'http://old/x.svg', email = 'ben' WHERE id = $1",
        ben.id,
    )
    session = await identity.sessions.open(ben)
    published.clear()
    wanted = AccountChanges(
        name="Ben", email="ben", role="user", profile_image_url="http://old/x.svg"
    )
    await identity.accounts.update(ben.id, wanted, by=ann.id)
    assert published == [] and await identity.sessions.resolve(session.token)
    await identity.accounts.update(ben.id, AccountChanges(name="Benno"), by=ann.id)
    assert await identity.sessions.resolve(session.token)


@pytest.mark.case("AB-25")
async def test_first_administrator_cannot_be_changed_by_others_or_demoted(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="admin")
    for attempt in (
        identity.accounts.update(ann.id, AccountChanges(name="X"), by=ben.id),
        identity.accounts.update(ann.id, AccountChanges(role="user"), by=ann.id),
        identity.accounts.set_role(ann.id, "user"),
        identity.accounts.delete(ann.id, by=ben.id),
        identity.accounts.delete(ann.id, by=ann.id),
        identity.accounts.delete(ann.id),
    ):
        with pytest.raises(Forbidden) as refused:
            await attempt
        assert refused.value.detail == ACTION_PROHIBITED
    assert (
        await identity.accounts.update(ann.id, AccountChanges(name="Anna"), by=ann.id)
    ).name == "Anna"
    assert (await identity.accounts.update(ann.id, AccountChanges(name="Ann"))).name == "Ann"


async def test_oldest_account_is_first_administrator_without_a_record(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="admin")
    await execute("UPDATE portico_first_account SET account_id = NULL")
    await execute("UPDATE portico_account SET created_at = 1 WHERE id = $1", ben.id)
    assert await identity.accounts.first_admin_id() == ben.id
    await execute("UPDATE portico_first_account SET account_id = 'gone'")
    assert await identity.accounts.first_admin_id() == ben.id
    await execute("UPDATE portico_account SET role = 'user' WHERE id = $1", ben.id)
    assert await identity.accounts.first_admin_id() is None
    with pytest.raises(Forbidden):
        await identity.accounts.set_role(ann.id, "user")  # still the last one


@pytest.mark.case("AB-25")
async def test_concurrent_demotion_or_deletion_leaves_one_administrator(
    identity: Identity, new_account: Any
) -> None:
    old = await new_account("Old")
    await execute("UPDATE portico_account SET created_at = 1, role = 'user' WHERE id = $1", old.id)
    for turn in range(5):
        ids = [
            account.id for account in await identity.account_list.all() if account.role == "admin"
        ]
        for missing in range(2 - len(ids)):
            ids.append((await new_account(f"A{turn}{missing}", role="admin")).id)
        one, other = ids
        if turn % 2:
            works = (
                identity.accounts.delete(one, by=other),
                identity.accounts.delete(other, by=one),
            )
        else:
            demote = AccountChanges(role="user")
            works = (
                identity.accounts.update(one, demote, by=other),
                identity.accounts.update(other, demote, by=one),
            )  # type: ignore[assignment]
        await asyncio.gather(*works, return_exceptions=True)
        assert len(await fetch_all("SELECT 1 FROM portico_account WHERE role = 'admin'")) == 1


@pytest.mark.case("AB-24")
async def test_only_administrators_change_administrators_and_grant_the_role(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    chief = await new_account("Chief", role="admin")
    ben, eve = await new_account("Ben", role="user"), await new_account("Eve", role="user")
    accounts = identity.accounts
    for attempt in (
        accounts.update(ben.id, AccountChanges(role="admin"), by=ben.id),
        accounts.update(eve.id, AccountChanges(role="admin"), by=ben.id),
        accounts.update(chief.id, AccountChanges(role="user"), by=ben.id),
        accounts.update(chief.id, AccountChanges(name="X", password_hash="x"), by=ben.id),
        accounts.delete(chief.id, by=ben.id),
        accounts.create(name="M", email="m@x.de", password_hash=None, role="admin", by=ben.id),
    ):
        with pytest.raises(Forbidden) as refused:
            await attempt
        assert refused.value.detail == ACCESS_PROHIBITED
    assert (
        await accounts.update(eve.id, AccountChanges(role="pending"), by=ben.id)
    ).role == "pending"
    made = await accounts.create(
        name="M", email="m@x.de", password_hash=None, role="user", by=ben.id
    )
    await accounts.delete(made.id, by=ben.id)


async def test_demoted_administrator_cannot_change_accounts(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="admin")
    eve = await new_account("Eve", role="user")
    await identity.accounts.update(ben.id, AccountChanges(role="user"), by=ann.id)
    with pytest.raises(Forbidden):
        await identity.accounts.update(eve.id, AccountChanges(role="admin"), by=ben.id)
    await identity.accounts.delete(ben.id, by=ann.id)
    with pytest.raises(Forbidden):
        await identity.accounts.update(eve.id, AccountChanges(role="admin"), by=ben.id)


@pytest.mark.parametrize("how", ["by", "new owner", "command line", "delete_content"])
async def test_deletion_transfers_groups_to_the_new_owner(
    identity: Identity, bus: EventBus, new_account: Any, how: str
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="admin")
    eve = await new_account("Eve", role="user")
    group = await identity.groups.create(name="G", description="", by=eve.id)
    leaving: list[Any] = []
    bus.subscribe("test", [Listener(AccountDeleting, leaving.append)])
    options: dict[str, Any] = {
        "by": {"by": ben.id},
        "new owner": {"new_owner_id": ben.id},
        "command line": {},
        "delete_content": {"by": ben.id, "delete_content": True},
    }[how]
    await identity.accounts.delete(eve.id, **options)
    owner = {"by": ben.id, "new owner": ben.id, "command line": ann.id, "delete_content": None}[how]
    assert leaving == [AccountDeleting(eve.id, owner)]
    kept = await fetch_all("SELECT account_id FROM portico_group WHERE id = $1", group.id)
    assert kept == ([{"account_id": owner}] if owner else [])
    assert (await trail(eve.id))[-1][1:] == (
        "account.deleted", '{"role":"user"}', "null",
    )  # fmt: skip


async def test_new_owner_must_be_another_existing_account(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    eve = await new_account("Eve")
    with pytest.raises(InvalidRequest):
        await identity.accounts.delete(eve.id, new_owner_id=eve.id)
    with pytest.raises(NotFound):
        await identity.accounts.delete(eve.id, new_owner_id="absent")
    assert await identity.accounts.find(eve.id)
