"""Accounts and their addresses: new ones collide with none, and those that collide already stay apart."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from portico.db import current_database, execute, fetch_all
from portico.errors import EMAIL_TAKEN, InvalidRequest
from portico.identity import AccountChanges, Identity
from portico.identity.accounts.email_keys import fill_email_keys, warn_of_collisions

pytestmark = pytest.mark.anyio
KELVIN, PLAIN = "vi\u212a@example.org", "vik@example.org"


async def spoil(account_id: str, email: str) -> None:
    """An address as an earlier release took it."""
    sql = "UPDATE portico_account SET email = $1, email_key = NULL, colliding = FALSE WHERE id = $2"
    await execute(sql, email, account_id)


async def keyless(*accounts: tuple[str, str]) -> None:
    for account_id, email in accounts:
        await spoil(account_id, email)
    await fill_email_keys(current_database())


async def test_every_spelling_of_an_address_finds_the_account(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    await identity.accounts.update(ann.id, AccountChanges(email="José@MÜLLER.de"))
    assert (await identity.accounts.by_id(ann.id)).email == "josé@müller.de"
    for email in ("JOSE\u0301@müller.de", "josé@xn--mller-kva.de", "josé@müller.de"):
        account = await identity.accounts.by_email(email)
        assert account is not None and account.id == ann.id, email
        with pytest.raises(InvalidRequest, match=EMAIL_TAKEN[:5]):
            await identity.accounts.check_free(email)
        with pytest.raises(InvalidRequest, match=EMAIL_TAKEN[:5]):
            await identity.accounts.create(name="X", email=email, password_hash=None)


async def test_look_alike_address_finds_no_account(identity: Identity, new_account: Any) -> None:
    vik = await new_account("Vik", password="right")
    assert vik.email == PLAIN
    for email in (
        KELVIN,
        "vik\u200b@example.org",
        "\u202evik@example.org",
        "vik\udc80@example.org",
    ):
        assert await identity.accounts.by_email(email) is None
        with pytest.raises(InvalidRequest):
            await identity.check_password(email, "right")
        with pytest.raises(InvalidRequest):
            await identity.accounts.update(vik.id, AccountChanges(email=email))
    assert (await identity.check_password("VIK@example.org", "right")).id == vik.id


async def test_colliding_accounts_are_found_by_their_exact_address_only(
    identity: Identity, new_account: Any
) -> None:
    ann, ben, eve = await new_account("Ann"), await new_account("Ben"), await new_account("Eve")
    await keyless(
        (ann.id, "josé@x.org"), (ben.id, "jose\u0301@x.org"), (eve.id, "jos\u200bé@x.org")
    )
    for expected, email in (
        (ann, "josé@x.org"),
        (ben, "jose\u0301@x.org"),
        (eve, "jos\u200bé@x.org"),
    ):
        account = await identity.accounts.by_email(email)
        assert account is not None and account.id == expected.id
    assert await identity.accounts.by_email("JOSÉ@x.org") is None, "it could be any of them"
    assert {account.id for account in await identity.account_list.colliding()} == {
        ann.id,
        ben.id,
        eve.id,
    }
    with pytest.raises(InvalidRequest):
        await identity.accounts.create(name="N", email="JOSÉ@x.org", password_hash=None)
    await identity.accounts.update(eve.id, AccountChanges(email="eve@x.org"))
    await identity.accounts.delete(ben.id)
    assert await identity.account_list.colliding() == []
    account = await identity.accounts.by_email("JOSÉ@x.org")
    assert account is not None and account.id == ann.id


async def test_start_logs_colliding_accounts(identity: Identity, new_account: Any) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    with capture_logs() as quiet:
        await warn_of_collisions()
    await keyless((ann.id, "josé@x.org"), (ben.id, "jose\u0301@x.org"))
    with capture_logs() as lines:
        await warn_of_collisions()
    assert quiet == []
    assert [(line["accounts"], line["see"]) for line in lines] == [
        (2, "portico user list --colliding")
    ]


async def test_account_without_a_key_is_found_and_given_one(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    await spoil(ann.id, "ann@example.org")
    account = await identity.accounts.by_email("Ann@example.org")
    assert account is not None and account.id == ann.id
    await fill_email_keys(current_database())
    keys = await fetch_all("SELECT email_key, colliding FROM portico_account WHERE id = $1", ann.id)
    assert keys == [{"email_key": "ann@example.org", "colliding": False}] or keys == [
        {"email_key": "ann@example.org", "colliding": 0}
    ]
