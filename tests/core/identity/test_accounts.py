"""Accounts: creation, roles, passwords and deletion."""

import asyncio
from typing import Any

import pytest

from portico.db import Database, fetch_all
from portico.errors import ACTION_PROHIBITED, EMAIL_TAKEN, Forbidden, InvalidRequest, NotFound
from portico.identity import (
    AccountChanged,
    AccountChanges,
    AccountCreated,
    AccountDeleted,
    Identity,
    SessionRevoked,
)

pytestmark = pytest.mark.anyio


async def test_first_account_is_administrator_and_the_second_is_not(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann, ben = await new_account("Ann", role="user"), await new_account("Ben")
    assert (ann.role, ben.role) == ("admin", "pending")
    assert published == [AccountCreated(ann.id, "admin"), AccountCreated(ben.id, "pending")]


async def test_account_created_by_an_administrator_has_the_requested_role(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    assert (await new_account("Ben", role="user")).role == "user"
    with pytest.raises(InvalidRequest, match="Invalid role"):
        await new_account("Eve", role="root")


@pytest.mark.case("AB-14")
async def test_concurrent_first_accounts_make_one_administrator(
    identity: Identity, new_account: Any
) -> None:
    made = await asyncio.gather(*(new_account(f"P{number}") for number in range(20)))
    assert sorted(account.role for account in made) == ["admin"] + ["pending"] * 19


async def test_second_account_with_only_if_first_is_refused_without_traces(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    with pytest.raises(Forbidden):
        await identity.accounts.create(
            name="Eve", email="eve@example.org", password_hash="x", only_if_first=True
        )
    assert await identity.accounts.count() == 1


async def test_failed_first_account_leaves_the_administrator_role_free(
    identity: Identity, new_account: Any
) -> None:
    with pytest.raises(InvalidRequest):
        await identity.accounts.create(
            name="Eve",
            email="eve@example.org",
            password_hash=None,
            profile_image_url="javascript:1",
        )
    assert not await identity.accounts.any_exists()
    assert (await new_account("Ann")).role == "admin"


async def test_imported_accounts_count_as_first(
    identity: Identity, database: Database, new_account: Any
) -> None:
    """A database with accounts but without a record of the first one grants no administrator role."""
    await database.execute(
        "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, "
        "updated_at, created_at) VALUES ('x', 'x@example.org', 'admin', 'X', '', 1, 1, 1)"
    )
    assert (await new_account("Ann")).role == "pending"


async def test_taken_email_is_refused_in_any_case(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    for check in (identity.accounts.check_free("ANN@example.ORG"), new_account("aNN")):
        with pytest.raises(InvalidRequest) as refused:
            await check
        assert refused.value.detail == EMAIL_TAKEN
    assert await identity.accounts.by_email("ANN@EXAMPLE.org") == ann
    assert await identity.accounts.check_free("Ben@example.org") == "ben@example.org"


async def test_concurrent_accounts_with_one_email_create_one(
    identity: Identity, new_account: Any
) -> None:
    made = await asyncio.gather(*(new_account("Ann") for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in made) == 1
    assert await identity.accounts.count() == 1


async def test_lookup_with_unstorable_text_finds_nothing(identity: Identity) -> None:
    assert await identity.accounts.by_email("a\x00@b.c") is None
    assert await identity.accounts.find("\x00") is None
    assert await identity.accounts.password_hash_of("a\x00@b.c") == (None, None)
    with pytest.raises(NotFound):
        await identity.accounts.by_id("absent")


async def test_check_password_returns_the_account_of_a_valid_pair(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann", password="right")
    await new_account("Ben")
    assert await identity.check_password("ANN@example.org", "right") == ann
    for email, password in (
        ("ann@example.org", "wrong"),
        ("ben@example.org", ""),
        ("no@no.no", "right"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await identity.check_password(email, password)
        assert refused.value.detail.startswith("The email or password")


async def test_promotion_applies_at_once_and_keeps_sessions(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    await new_account("Ann")
    ben = await new_account("Ben", role="pending")
    session = await identity.sessions.open(ben)
    published.clear()
    for role in ("user", "admin"):
        await identity.accounts.set_role(ben.id, role)
        actor = await identity.sessions.resolve(session.token)
        assert actor is not None and actor.role == role
    assert published == [AccountChanged(ben.id)] * 2


@pytest.mark.parametrize(("was", "becomes"), [("admin", "user"), ("user", "pending")])
async def test_demotion_and_promotion_require_a_new_sign_in(
    identity: Identity, new_account: Any, was: str, becomes: str
) -> None:
    await new_account("Ann")
    ben = await new_account("Ben", role=was)
    session = await identity.sessions.open(ben)
    await identity.accounts.set_role(ben.id, becomes)
    await identity.accounts.set_role(ben.id, was)
    assert await identity.sessions.resolve(session.token) is None


async def test_promotion_together_with_a_new_password_ends_sessions(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    ben = await new_account("Ben", role="pending")
    session = await identity.sessions.open(ben)
    hashed = await identity.hash_password("new")
    await identity.accounts.update(ben.id, AccountChanges(role="user", password_hash=hashed))
    assert await identity.sessions.resolve(session.token) is None


async def test_demotion_applies_at_once_and_ends_sessions(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    await new_account("Ann")
    ben = await new_account("Ben", role="user")
    session = await identity.sessions.open(ben)
    published.clear()
    assert (await identity.accounts.set_role(ben.id, "pending")).role == "pending"
    assert await identity.sessions.resolve(session.token) is None
    assert published == [SessionRevoked(ben.id), AccountChanged(ben.id)]


async def test_setting_the_same_role_changes_nothing(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann = await new_account("Ann")
    session = await identity.sessions.open(ann)
    published.clear()
    await identity.accounts.set_role(ann.id, "admin")
    assert await identity.sessions.resolve(session.token) and published == []


@pytest.mark.case("AB-25")
async def test_last_administrator_cannot_be_demoted_or_deleted(
    identity: Identity, new_account: Any
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", role="user")
    for attempt in (
        identity.accounts.set_role(ann.id, "user"),
        identity.accounts.delete(ann.id, by=ben.id),
    ):
        with pytest.raises(Forbidden) as refused:
            await attempt
        assert refused.value.detail == ACTION_PROHIBITED
    assert (await identity.accounts.by_id(ann.id)).role == "admin"


@pytest.mark.case("AB-25")
async def test_two_administrators_who_demote_each_other_leave_one(
    identity: Identity, new_account: Any
) -> None:
    for turn in range(5):
        ids = [
            account.id for account in await identity.account_list.all() if account.role == "admin"
        ]
        for missing in range(2 - len(ids)):
            ids.append((await new_account(f"A{turn}{missing}", role="admin")).id)
        await asyncio.gather(
            *(identity.accounts.set_role(account_id, "user") for account_id in ids),
            return_exceptions=True,
        )
        left = await fetch_all("SELECT id FROM portico_account WHERE role = 'admin'")
        assert len(left) == 1


async def test_new_password_ends_sessions_and_the_old_password(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann = await new_account("Ann", password="old")
    session = await identity.sessions.open(ann)
    await identity.accounts.set_password_hash(ann.id, await identity.hash_password("new"))
    assert await identity.sessions.resolve(session.token) is None
    assert (await identity.check_password(ann.email, "new")).epoch == ann.epoch + 1
    with pytest.raises(InvalidRequest):
        await identity.check_password(ann.email, "old")
    assert AccountChanged(ann.id) in published
    with pytest.raises(NotFound):
        await identity.accounts.set_password_hash("absent", "x")


async def test_password_change_keeps_the_given_session(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann", password="old")
    here, there = await identity.sessions.open(ann), await identity.sessions.open(ann)
    actor = await identity.sessions.resolve(here.token)
    assert actor is not None
    await identity.accounts.set_password_hash(ann.id, "x", keep=actor.session_id)
    assert await identity.sessions.resolve(here.token)
    assert await identity.sessions.resolve(there.token) is None


async def test_deletion_removes_all_rows_of_the_account(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben", password="x")
    group = await identity.groups.create(name="G", description="", by=ann.id)
    await identity.groups.add_members(group.id, [ben.id])
    await identity.sessions.open(ben)
    await identity.accounts.delete(ben.id, by=ann.id, delete_content=True)
    for table in ("portico_session", "portico_password", "portico_group_member"):
        assert await fetch_all(f"SELECT * FROM {table}") == []
    assert published[-1] == AccountDeleted(ben.id)
    with pytest.raises(NotFound):
        await identity.accounts.delete(ben.id, by=ann.id)
