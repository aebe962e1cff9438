"""Mapping of claims to roles and groups."""

from typing import Any

import pytest

from portico_oauth.login.claim_mapping import BlockedGroups, groups_of, role_of
from portico_oauth.protocol.claims import lookup
from portico_oauth.protocol.errors import LoginRejected
from portico_oauth.settings import OAuthSettings

MANAGED = OAuthSettings(role_management=True, group_management=True)
ADMIN, USER, PENDING = "admin", "user", "pending"


@pytest.mark.case("AB-79")
@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("admin", ADMIN),
        ("user", USER),
        ("user,admin", ADMIN),
        ("user, admin", ADMIN),
        (["user", "admin"], ADMIN),
        (["user"], USER),
        (["user,admin"], PENDING),
        ("Admin", PENDING),
        ("ADMIN", PENDING),
        ("admins", PENDING),
        ("administrator", PENDING),
        ("not-admin", PENDING),
        ("superadmin", PENDING),
        (["admins", "Admin", " admin"], PENDING),
        ("аdmin", PENDING),
        ("", PENDING),
        ([], PENDING),
        (None, PENDING),
        (7, PENDING),
        ([7, "user"], USER),
    ],
)
def test_roles_are_compared_exactly(claim: Any, role: str) -> None:
    assert role_of({"roles": claim}, MANAGED, "pending") == role


@pytest.mark.case("AB-79")
@pytest.mark.parametrize(
    "claim", [{"admin": True}, True, 1.5, [["admin"]], [{"name": "admin"}], [None], [True]]
)
def test_invalid_roles_claim_is_rejected(claim: Any) -> None:
    with pytest.raises(LoginRejected):
        role_of({"roles": claim}, MANAGED, "user")


@pytest.mark.case("AB-79")
def test_numbers_are_accepted_as_roles() -> None:
    settings = OAuthSettings(role_management=True, admin_roles=["0"], allowed_roles=["5"])
    assert role_of({"roles": 5}, settings, "pending") == "user"
    assert role_of({"roles": [0]}, settings, "pending") == "admin"
    assert role_of({"roles": 50}, settings, "pending") == "pending"


@pytest.mark.case("AB-79")
@pytest.mark.parametrize("default", ["pending", "user"])
def test_missing_role_maps_to_default_role(default: Any) -> None:
    assert role_of({}, MANAGED, default) == default


@pytest.mark.case("AB-79")
def test_default_role_never_maps_to_admin() -> None:
    assert role_of({"roles": ["guest"]}, MANAGED, "admin") == "pending"


@pytest.mark.case("AB-79")
def test_roles_claim_is_ignored_without_role_management() -> None:
    assert role_of({"roles": {"odd": 1}}, OAuthSettings(), "user") is None


NESTED = OAuthSettings(role_management=True, roles_claim="realm_access.roles")


@pytest.mark.case("AB-79")
@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"realm_access": {"roles": ["admin"]}}, ADMIN),
        ({"realm_access.roles": ["user"]}, USER),
        ({"realm_access": {"roles": []}, "realm_access.roles": "user"}, USER),
        ({"realm_access": "admin"}, PENDING),
        ({"realm_access": ["admin"]}, PENDING),
        ({"realm_access": None}, PENDING),
        ({"realm_access": {"roles": None}}, PENDING),
        ({"roles": ["admin"]}, PENDING),
    ],
)
def test_roles_claim_with_dots_reads_nested_objects(claims: dict[str, Any], role: str) -> None:
    assert role_of(claims, NESTED, "pending") == role


def test_empty_role_lists_map_to_default_role() -> None:
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
def test_groups_claim_is_a_list_or_one_text(claim: Any, groups: tuple[str, ...] | None) -> None:
    assert groups_of({"groups": claim}, MANAGED) == groups


@pytest.mark.parametrize(
    "claim", [{"staff": 1}, True, [["staff"]], ["g"] * 3 + [{}], [str(n) for n in range(1001)]]
)
def test_invalid_groups_claim_is_rejected(claim: Any) -> None:
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
def test_blocked_groups_match_by_name_regex_or_wildcard(
    pattern: str, blocked: list[str], left: list[str]
) -> None:
    is_blocked = BlockedGroups([pattern])
    assert all(map(is_blocked, blocked))
    assert not any(map(is_blocked, left))


def test_lookup_reads_nested_and_dotted_claims() -> None:
    assert lookup({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert lookup({"a.b": 2}, "a.b") == 2
    assert lookup({"a": 1}, "a.b") is None
    assert lookup({}, "a") is None
