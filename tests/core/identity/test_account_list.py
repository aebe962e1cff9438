"""Lists of accounts: search, order and pages."""

from typing import Any

import pytest

from portico.db import Database, execute, fetch_all
from portico.errors import ValidationError
from portico.identity import AccountQuery, Identity

pytestmark = pytest.mark.anyio


async def names(identity: Identity, **asked: Any) -> list[str]:
    accounts, total = await identity.account_list.summaries(AccountQuery(**asked))
    if total <= 30 and "page" not in asked:
        assert len(accounts) == total
    return [account.name for account in accounts]


async def test_list_is_newest_first_in_pages_without_overlap(
    identity: Identity, new_account: Any
) -> None:
    made = [(await new_account(f"P{number:02}")).id for number in range(32)]
    accounts = await identity.account_list.all()
    assert [account.id for account in accounts] == [
        one.id for one in sorted(accounts, key=lambda one: (one.created_at, one.id), reverse=True)
    ]
    pages = [await identity.account_list.accounts(AccountQuery(page=page)) for page in (1, 2, 3)]
    assert [len(page) for page, _ in pages] == [30, 2, 0]
    assert {total for _, total in pages} == {32}
    assert [account.id for page, _ in pages for account in page] == [
        account.id for account in accounts
    ]
    assert sorted(account.id for account in accounts) == sorted(made)
    for first in (0, -1, -(10**30)):
        assert (await identity.account_list.accounts(AccountQuery(page=first)))[0] == pages[0][0]
    assert await identity.account_list.accounts(AccountQuery(page=10**20)) == ([], 32)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"Änne", "İbrahim", "Ω mega", "100%", "a_b", "axb", "Straße", "!bang"}),
        ("änne", {"Änne"}),
        ("ÄNN", {"Änne"}),
        ("STRASSE", {"Straße"}),
        ("ω MEGA", {"Ω mega"}),
        ("%", {"100%"}),
        ("_", {"a_b"}),
        ("!", {"!bang"}),
        ("N3@EXAMPLE", {"Ω mega"}),
        ("absent", set()),
        ("\x00", {"Änne", "İbrahim", "Ω mega", "100%", "a_b", "axb", "Straße", "!bang"}),
        ("'; DROP TABLE portico_account; --", set()),
    ],
)
async def test_search_folds_all_scripts_and_escapes_wildcards(
    identity: Identity, query: str, found: set[str]
) -> None:
    accounts = ("Änne", "İbrahim", "Ω mega", "100%", "a_b", "axb", "Straße", "!bang")
    for number, name in enumerate(accounts, start=1):
        await identity.accounts.create(
            name=name, email=f"n{number}@example.org", password_hash=None
        )
    assert set(await names(identity, query=query)) == found


async def test_search_without_emails_ignores_addresses(
    identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    await identity.accounts.create(name="Ben\nexample", email="secret@b.c", password_hash=None)
    assert await names(identity, query="ann@", with_emails=False) == []
    assert await names(identity, query="secret", with_emails=False) == []
    assert await names(identity, query="ann", with_emails=False) == ["Ann"]
    assert await names(identity, query="n EX", with_emails=False) == ["Ben\nexample"]
    for order in ("email", "group_id:x"):
        with pytest.raises(ValidationError):
            AccountQuery(order_by=order, with_emails=False)


@pytest.mark.parametrize(
    ("order", "ascending"),
    [
        ("name", ["ann", "Ben", "Cem"]),
        ("email", ["Cem", "ann", "Ben"]),
        ("created_at", ["Ben", "Cem", "ann"]),
        ("updated_at", ["Cem", "Ben", "ann"]),
        ("last_active_at", ["ann", "Cem", "Ben"]),
        ("role", ["Cem", "ann", "Ben"]),
    ],
)
async def test_every_order_can_be_reversed(
    identity: Identity, order: str, ascending: list[str]
) -> None:
    accounts = {  # email, created, updated, active, role
        "ann": ("b@x.de", 3, 3, 1, "pending"),
        "Ben": ("c@x.de", 1, 2, 3, "user"),
        "Cem": ("a@x.de", 2, 1, 2, "admin"),
    }
    for name, (email, *values) in accounts.items():
        made = await identity.accounts.create(name=name, email=email, password_hash=None)
        await execute(
            "UPDATE portico_account SET created_at = $2, updated_at = $3, last_active_at = $4, role = $5 "
            "WHERE id = $1",
            made.id,
            *values,
        )
    assert await names(identity, order_by=order, direction="asc") == ascending
    for other in ("desc", "", ";drop"):
        assert await names(identity, order_by=order, direction=other) == ascending[::-1]


async def test_equal_rows_are_sorted_by_id(identity: Identity, new_account: Any) -> None:
    for number in range(35):
        await new_account(f"P{number}", role="user")
    await execute("UPDATE portico_account SET created_at = 1, folded = 'x'")
    for order in ("created_at", "name", "role", "updated_at"):
        for direction in ("asc", "desc"):
            seen: list[str] = []
            for page in (1, 2):
                asked = AccountQuery(order_by=order, direction=direction, page=page)
                seen += [
                    account.id for account in (await identity.account_list.summaries(asked))[0]
                ]
            assert len(set(seen)) == 35, (order, direction)


async def test_group_order_lists_members_first_or_last_by_name(
    identity: Identity, new_account: Any
) -> None:
    made = {name: await new_account(name) for name in ("Dan", "ann", "Cem", "Ben")}
    group = await identity.groups.create(name="G", description="", by="")
    other = await identity.groups.create(name="H", description="", by="")
    await identity.groups.add_members(group.id, [made["Dan"].id, made["Ben"].id])
    await identity.groups.add_members(other.id, [account.id for account in made.values()])
    order = f"group_id:{group.id}"
    assert await names(identity, order_by=order, direction="desc") == ["Ben", "Dan", "ann", "Cem"]
    assert await names(identity, order_by=order, direction="asc") == ["ann", "Cem", "Ben", "Dan"]
    assert await names(identity, order_by=order, query="e", direction="desc") == [
        "Ben", "Dan", "ann", "Cem",
    ]  # fmt: skip
    assert await names(identity, order_by="group_id:\x00absent") == ["ann", "Ben", "Cem", "Dan"]
    groups = await identity.account_list.groups_of([made["Dan"].id, made["ann"].id])
    assert groups == {
        made["Dan"].id: sorted([group.id, other.id]),
        made["ann"].id: [other.id],
    }
    assert await identity.account_list.groups_of([]) == {}


@pytest.mark.case("AB-42")
@pytest.mark.parametrize(
    "asked",
    [{"order_by": "__class__"}, {"order_by": "password"}, {"order_by": "id; DROP"}, {"query": "a" * 1025},
     {"order_by": "group_id:" + "a" * 1025}],
)  # fmt: skip
def test_invalid_list_query_is_refused_with_a_reason(asked: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        AccountQuery(**asked)


async def test_list_page_contains_no_user_data(
    identity: Identity, new_account: Any, database: Database
) -> None:
    ann = await new_account("Ann")
    await execute("UPDATE portico_account SET settings = '{}', info = '{}', oauth = '{}'")
    (found,), _ = await identity.account_list.accounts(AccountQuery())
    assert (found.id, found.settings, found.info, found.oauth) == (ann.id, None, None, None)
    if database.dialect == "sqlite":
        plan = await fetch_all(
            "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM portico_account WHERE folded LIKE '%a%'"
        )
        assert "COVERING INDEX portico_account_folded" in plan[0]["detail"]
