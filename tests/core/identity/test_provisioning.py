"""Provisioning: accounts of external identities are found, linked or created, and kept up to date."""

import asyncio
from typing import Any

import msgspec
import pytest

from portico.audit import AuditFilter, AuditLog
from portico.errors import Forbidden, InvalidRequest
from portico.identity import Account, AccountChanges, ExternalIdentity, Identity, ProvisioningRules

pytestmark = pytest.mark.anyio

OPEN = ProvisioningRules(create_accounts=True)
CEA = ExternalIdentity(subject="c-1", email="cea@example.org", name="Cea", email_verified=True)


async def provision(
    identity: Identity,
    external: ExternalIdentity,
    rules: ProvisioningRules = OPEN,
    by: str = "acme",
) -> Account:
    return await identity.provision(by, external, rules)


def changed(external: ExternalIdentity, **changes: Any) -> ExternalIdentity:
    return msgspec.structs.replace(external, **changes)


@pytest.fixture(autouse=True)
async def ada(new_account: Any) -> Account:
    """The first account, an administrator."""
    account: Account = await new_account("Ada", role="admin")
    return account


async def test_unknown_user_gets_an_account_and_is_found_by_subject_later(
    identity: Identity,
) -> None:
    made = await provision(identity, CEA)
    assert (made.email, made.name, made.role) == ("cea@example.org", "Cea", "pending")
    renamed = changed(CEA, email="new@example.org", name="Other")
    assert await provision(identity, renamed, ProvisioningRules()) == made


async def test_unknown_user_is_refused_without_create_accounts(identity: Identity) -> None:
    with pytest.raises(Forbidden):
        await provision(identity, CEA, ProvisioningRules())
    assert await identity.accounts.by_email("cea@example.org") is None


async def test_new_account_has_the_role_of_the_provider(identity: Identity) -> None:
    assert (await provision(identity, changed(CEA, role="user"))).role == "user"


async def test_account_without_password_cannot_sign_in_with_one(identity: Identity) -> None:
    await provision(identity, CEA)
    for password in ("", "x", "cea@example.org"):
        with pytest.raises(InvalidRequest):
            await identity.check_password("cea@example.org", password)


@pytest.mark.case("AB-76")
@pytest.mark.parametrize("email_verified", [True, False])
@pytest.mark.parametrize("link_by_email", ["never", "non_admins", "always"])
async def test_accounts_are_linked_only_by_verified_email_and_if_enabled(
    identity: Identity, new_account: Any, email_verified: bool, link_by_email: Any
) -> None:
    await new_account("Cea")
    ask = provision(
        identity,
        changed(CEA, email_verified=email_verified),
        ProvisioningRules(create_accounts=True, link_by_email=link_by_email),
    )
    if email_verified and link_by_email != "never":
        assert (await ask).name == "Cea"
        return
    with pytest.raises(InvalidRequest, match="already registered"):
        await ask
    assert await identity.links.account_id("acme", "c-1") is None


@pytest.mark.case("AB-76")
async def test_administrator_is_linked_only_with_always(identity: Identity, ada: Account) -> None:
    external = changed(CEA, email="ADA@example.org")
    with pytest.raises(InvalidRequest):
        await provision(identity, external, ProvisioningRules(link_by_email="non_admins"))
    assert (
        await provision(identity, external, ProvisioningRules(link_by_email="always"))
    ).id == ada.id


@pytest.mark.case("AB-76")
async def test_linked_account_is_not_linked_to_a_second_subject(
    identity: Identity,
) -> None:
    made = await provision(identity, CEA)
    rules = ProvisioningRules(create_accounts=True, link_by_email="always")
    with pytest.raises(InvalidRequest, match="already registered"):
        await provision(identity, changed(CEA, subject="c-2"), rules)
    assert (await provision(identity, CEA, rules)).id == made.id
    assert (await provision(identity, CEA, rules, by="globex")).id == made.id


async def test_two_providers_may_use_the_same_subject(identity: Identity) -> None:
    first = await provision(identity, CEA)
    other = await provision(identity, changed(CEA, email="dan@example.org"), by="globex")
    assert first.id != other.id
    assert (await provision(identity, CEA)).id == first.id


@pytest.mark.case("AB-77")
@pytest.mark.parametrize(
    "other", ["C-1", "c-1 ", "c_1", "c%1", "c-01", "%", "_", "ç-1", "c\u20111"]
)
async def test_subjects_are_compared_byte_by_byte(identity: Identity, other: str) -> None:
    first = await provision(identity, CEA)
    second = await provision(identity, changed(CEA, subject=other, email="dan@example.org"))
    assert first.id != second.id


@pytest.mark.case("AB-77")
@pytest.mark.parametrize("subject", ["", "a\x00b", "\ud800", "x" * 10_000])
async def test_invalid_subject_is_refused(identity: Identity, subject: str) -> None:
    with pytest.raises(InvalidRequest):
        await provision(identity, changed(CEA, subject=subject))
    assert await identity.accounts.count() == 1


async def test_role_of_the_provider_applies_at_the_next_sign_in(identity: Identity) -> None:
    made = await provision(identity, changed(CEA, role="user"))
    session = await identity.sessions.open(made)
    promoted = await provision(identity, changed(CEA, role="admin"))
    assert (made.role, promoted.role) == ("user", "admin")
    actor = await identity.sessions.resolve(session.token)
    assert actor is not None and actor.role == "admin"
    assert (await provision(identity, CEA)).role == "admin"
    demoted = await provision(identity, changed(CEA, role="user"))
    assert demoted.role == "user"
    assert await identity.sessions.resolve(session.token) is None


async def test_provider_cannot_demote_the_last_administrator(
    identity: Identity, ada: Account
) -> None:
    await identity.links.add("acme", "a-1", ada.id)
    external = changed(CEA, subject="a-1", role="user")
    assert (await provision(identity, external)).role == "admin"


async def test_groups_are_synchronized_except_ignored_ones(
    identity: Identity, ada: Account
) -> None:
    groups = identity.groups
    ids = {
        name: (await groups.create(name=name, description="", by=ada.id)).id
        for name in ("red", "blue", "kept", "barred")
    }
    made = await provision(identity, CEA)
    for name in ("red", "kept"):
        await groups.add_members(ids[name], [made.id])
    rules = ProvisioningRules(
        create_accounts=True, is_ignored_group=lambda name: name in ("kept", "barred")
    )
    await provision(identity, changed(CEA, groups=("blue", "barred", "unheard of")), rules)
    assert set(await groups.ids_of_account(made.id)) == {ids["blue"], ids["kept"]}
    await provision(identity, CEA, rules)
    assert set(await groups.ids_of_account(made.id)) == {ids["blue"], ids["kept"]}


async def test_missing_groups_are_created_with_create_groups(
    identity: Identity,
) -> None:
    rules = ProvisioningRules(create_accounts=True, create_groups=True)
    made = await provision(identity, changed(CEA, groups=("new", "new", "")), rules)
    assert [group.name for group in await identity.groups.of_account(made.id)] == ["new"]


async def test_audit_entry_of_a_link_has_no_subject(identity: Identity) -> None:
    made = await provision(identity, CEA)
    noted = await AuditLog().page(AuditFilter(event="account.linked"))
    assert [(entry.resource_id, bytes(entry.new)) for entry in noted] == [(made.id, b'"acme"')]


async def test_deletion_removes_the_links_of_the_account(identity: Identity, ada: Account) -> None:
    made = await provision(identity, CEA)
    await identity.accounts.delete(made.id, by=ada.id)
    assert await identity.links.account_id("acme", "c-1") is None


async def test_user_without_subject_is_found_by_email_each_time(
    identity: Identity, ada: Account
) -> None:
    rules = ProvisioningRules(create_accounts=True, link_by_email="always")
    external = changed(CEA, subject=None)
    made = await provision(identity, external, rules)
    assert await provision(identity, external, rules) == made
    assert await identity.links.of(made.id) == []
    await identity.accounts.update(made.id, AccountChanges(email="moved@example.org"))
    assert (await provision(identity, external, rules)).id != made.id


@pytest.mark.parametrize("subject", ["c-1", None])
async def test_concurrent_first_sign_ins_create_one_account(
    identity: Identity, subject: str | None
) -> None:
    rules = ProvisioningRules(create_accounts=True, link_by_email="always")
    external = changed(CEA, subject=subject)
    accounts = await asyncio.gather(*(provision(identity, external, rules) for _ in range(6)))
    assert len({account.id for account in accounts}) == 1
    assert await identity.accounts.count() == 2
