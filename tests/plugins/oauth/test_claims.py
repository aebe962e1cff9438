"""What roles and groups come of claims, of which every provider has its own idea."""

from typing import Any

import pytest

from portico_oauth.errors import LoginRejected
from portico_oauth.login.claim_mapping import BlockedGroups, groups_of, role_of
from portico_oauth.protocol.claims import lookup
from portico_oauth.settings import OAuthSettings

MANAGED = OAuthSettings(role_management=True, group_management=True)
ADMIN, USER, NOBODY = "admin", "user", "pending"


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("admin", ADMIN),
        ("user", USER),
        ("user,admin", ADMIN),
        ("user, admin", ADMIN),
        (["user", "admin"], ADMIN),
        (["user"], USER),
        (["user,admin"], NOBODY),
        ("Admin", NOBODY),
        ("ADMIN", NOBODY),
        ("admins", NOBODY),
        ("administrator", NOBODY),
        ("not-admin", NOBODY),
        ("superadmin", NOBODY),
        (["admins", "Admin", " admin"], NOBODY),
        ("аdmin", NOBODY),
        ("", NOBODY),
        ([], NOBODY),
        (None, NOBODY),
        (7, NOBODY),
        ([7, "user"], USER),
    ],
)
def test_AB_79_a_role_is_the_very_word(claim: Any, role: str) -> None:
    assert role_of({"roles": claim}, MANAGED, "pending") == role


@pytest.mark.parametrize(
    "claim", [{"admin": True}, True, 1.5, [["admin"]], [{"name": "admin"}], [None], [True]]
)
def test_AB_79_a_claim_that_cannot_be_read_is_refused(claim: Any) -> None:
    with pytest.raises(LoginRejected):
        role_of({"roles": claim}, MANAGED, "user")


def test_AB_79_a_number_is_a_word_too() -> None:
    settings = OAuthSettings(role_management=True, admin_roles=["0"], allowed_roles=["5"])
    assert role_of({"roles": 5}, settings, "pending") == "user"
    assert role_of({"roles": [0]}, settings, "pending") == "admin"
    assert role_of({"roles": 50}, settings, "pending") == "pending"


@pytest.mark.parametrize("default", ["pending", "user"])
def test_AB_79_whoever_has_no_role_gets_the_default_one(default: Any) -> None:
    assert role_of({}, MANAGED, default) == default


def test_AB_79_nobody_is_an_administrator_by_default() -> None:
    assert role_of({"roles": ["guest"]}, MANAGED, "admin") == "pending"


def test_AB_79_where_roles_are_not_managed_claims_say_nothing() -> None:
    assert role_of({"roles": {"odd": 1}}, OAuthSettings(), "user") is None


NESTED = OAuthSettings(role_management=True, roles_claim="realm_access.roles")


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"realm_access": {"roles": ["admin"]}}, ADMIN),
        ({"realm_access.roles": ["user"]}, USER),
        ({"realm_access": {"roles": []}, "realm_access.roles": "user"}, USER),
        ({"realm_access": "admin"}, NOBODY),
        ({"realm_access": ["admin"]}, NOBODY),
        ({"realm_access": None}, NOBODY),
        ({"realm_access": {"roles": None}}, NOBODY),
        ({"roles": ["admin"]}, NOBODY),
    ],
)
def test_AB_79_dots_lead_into_objects(claims: dict[str, Any], role: str) -> None:
    assert role_of(claims, NESTED, "pending") == role


def test_an_empty_list_of_roles_lets_nobody_be_one() -> None:
    settings = OAuthSettings(role_management=True, allowed_roles=[], admin_roles=[])
    assert role_of({"roles": ["", "user", "admin"]}, settings, "pending") == "pending"


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (["staff", "ops"], ("staff", "ops")),
        ("staff; ops;;staff", ("staff", "ops")),
        (["staff", "staff"], ("staff",)),
        ([], None),
        ("", None),
        (None, None),
        ([5], ("5",)),
        (["x" * 300, "a\x00b", "ok"], ("ok",)),
    ],
)
def test_groups_are_a_list_or_one_text_and_none_means_no_change(
    claim: Any, groups: tuple[str, ...] | None
) -> None:
    assert groups_of({"groups": claim}, MANAGED) == groups


@pytest.mark.parametrize(
    "claim", [{"staff": 1}, True, [["staff"]], ["g"] * 3 + [{}], [str(n) for n in range(1001)]]
)
def test_groups_that_cannot_be_read_are_refused(claim: Any) -> None:
    with pytest.raises(LoginRejected):
        groups_of({"groups": claim}, MANAGED)


@pytest.mark.parametrize(
    ("pattern", "blocked", "left"),
    [
        ("staff", ["staff"], ["staffing", "Staff", "the staff"]),
        ("^ops-[0-9]+$", ["ops-1"], ["ops-x", "my ops-1"]),
        ("team-*", ["team-a", "team-"], ["a team-a", "Team-a"]),
        ("*", ["anything"], []),
        ("a?c", ["abc"], ["ac"]),
        ("(", ["("], ["x"]),
        ("*-(x", ["a-(x"], ["x"]),
    ],
)
def test_blocked_groups_are_named_by_name_expression_or_wildcard(
    pattern: str, blocked: list[str], left: list[str]
) -> None:
    is_blocked = BlockedGroups([pattern])
    assert all(map(is_blocked, blocked))
    assert not any(map(is_blocked, left))


def test_a_path_leads_where_it_leads() -> None:
    assert lookup({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert lookup({"a.b": 2}, "a.b") == 2
    assert lookup({"a": 1}, "a.b") is None
    assert lookup({}, "a") is None
