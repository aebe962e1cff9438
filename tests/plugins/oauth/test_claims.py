"""Mapping of claims to roles and groups."""

from typing import Any

import pytest

from portico_oauth.login.claim_mapping import BlockedGroups, claim_faults, groups_of, role_of
from portico_oauth.protocol.claims import lookup
from portico_oauth.protocol.errors import LoginRejected
from portico_oauth.protocol.openid import merge_claims
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
        ([None, "user"], USER),
        ("[user, admin]", ADMIN),
        ('["user", null]', USER),
        ({"admin": {"170089999": "example.org"}}, ADMIN),
        ([{"user": {"170089999": "example.org"}}], USER),
        ({"guest": {"admin": "example.org"}}, PENDING),
    ],
)
def test_roles_are_compared_exactly(claim: Any, role: str) -> None:
    assert role_of({"roles": claim}, MANAGED, "pending") == role


@pytest.mark.case("AB-79")
@pytest.mark.parametrize(
    "claim",
    [{"admin": True}, {"admin": 1}, {"admin": {}}, {"roles": ["admin"]}, True, 1.5, [["admin"]], [{"name": "admin"}],
     ["admin", 1.5], [True], ["admin"] * 1001, '{"admin": true}', "[[\"admin\"]]"],
)  # fmt: skip
def test_invalid_roles_claim_is_rejected(claim: Any) -> None:
    with pytest.raises(LoginRejected) as rejected:
        role_of({"roles": claim}, MANAGED, "user")
    assert "'roles' cannot be read" in rejected.value.why


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


#: Name of the case → the claim, its groups, and whether a warning names the claim.
GROUPS: dict[str, tuple[Any, tuple[str, ...], bool]] = {
    "a list": (["staff", "ops"], ("staff", "ops"), False),
    "one text": ("staff; ops;;staff", ("staff", "ops"), False),
    "repetitions": (["staff", "staff"], ("staff",), False),
    "an empty list": ([], (), False),
    "an empty text": ("", (), False),
    "null": (None, (), False),
    "a number": (7, ("7",), False),
    "numbers": ([5], ("5",), False),
    "nulls in a list": ([None, "staff", None], ("staff",), False),
    "names that cannot be stored": (["x" * 300, "a\x00b", "ok"], ("ok",), False),
    "Keycloak's paths": (["/staff", "/staff/ops"], ("/staff", "/staff/ops"), False),
    "Entra's ids": (["0f8f-1", "0f8f-2"], ("0f8f-1", "0f8f-2"), False),
    "GitHub's teams": ([{"id": 1, "name": "Staff", "slug": "staff"}], ("Staff",), False),
    "SCIM's groups": ([{"value": "e9e3", "display": "Staff"}], ("Staff",), False),
    "one object": ({"id": "e9e3", "displayName": "Staff"}, ("Staff",), False),
    "Zitadel's roles": ({"staff": {"17": "a.example"}, "ops": {}}, ("staff", "ops"), False),
    "Zitadel's roles in a list": ([{"staff": {"17": "a.example"}}], ("staff",), False),
    "Zitadel's role with the name name": ({"name": {"17": "a.example"}}, ("name",), False),
    "Cognito's brackets": ("[staff, night shift]", ("staff", "night shift"), False),
    "brackets with one name": ("[staff]", ("staff",), False),
    "brackets with quotation marks": ("['staff', 'ops']", ("staff", "ops"), False),
    "brackets with the own separator": ("[staff;ops]", ("staff", "ops"), False),
    "empty brackets": ("[]", (), False),
    "JSON": ('["staff", null, "a;b"]', ("staff", "a;b"), False),
    "JSON of objects": ('[{"name": "staff"}]', ("staff",), False),
    "JSON of one object": ('{"staff": {"17": "a.example"}}', ("staff",), False),
    "brackets in a name": ("staff [night]", ("staff [night]",), False),
    "an object of numbers": ({"staff": 1}, (), True),
    "an object of truth values": ({"staff": True}, (), True),
    "an object of lists": ({"roles": ["staff"]}, (), True),
    "an object of texts": ({"17": "staff"}, (), True),
    "an object without a name": ([{"id": "e9e3"}, "staff"], ("staff",), True),
    "an empty object": ([{}, "staff"], ("staff",), True),
    "a truth value": (True, (), True),
    "a fraction": (1.5, (), True),
    "lists in a list": ([["staff"], "ops"], ("ops",), True),
    "too many members": ({str(number): {} for number in range(1001)}, (), True),
    "too many": ([str(number) for number in range(1001)], (), True),
}


def test_groups_claim_of_every_shape_is_read() -> None:
    for name, (claim, groups, is_warned) in GROUPS.items():
        claims = {"groups": claim}
        # Without groups in the claim nothing changes; in one that cannot be read there are none.
        assert groups_of(claims, MANAGED) == (groups or (() if is_warned else None)), name
        assert [fault.claim for fault in claim_faults(claims, MANAGED)] == ["groups"] * is_warned, (
            name
        )


def test_claim_with_names_of_no_group_ends_memberships() -> None:
    claims = {"groups": ["staff\u200b", "ops\x00", "x" * 300]}
    assert groups_of(claims, MANAGED) == ()
    assert groups_of({"groups": [""]}, MANAGED) is None


def test_odd_claims_are_named() -> None:
    entra = {"_claim_names": {"groups": "src1"}, "email_verified": [True]}
    assert [fault.claim for fault in claim_faults(entra, MANAGED)] == ["groups", "email_verified"]
    assert not claim_faults({"groups": 1.5, "_claim_names": 7}, OAuthSettings())


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


def test_email_verified_is_of_the_source_of_the_address() -> None:
    id_token = {"email": "own@example.org", "email_verified": True, "upn": "victim@example.org"}
    for userinfo, verified in (
        ({"email": "victim@example.org", "email_verified": False}, False),
        ({"email": "victim@example.org"}, None),
        ({"user": {"email": "victim@example.org"}}, None),
        ({"email": None, "name": "Ann"}, True),
    ):
        for email_claim in ("upn", "email", "user.email"):
            is_other = "user" in userinfo and email_claim != "user.email"
            merged = merge_claims(id_token, userinfo, email_claim)
            assert merged.get("email_verified") is (True if is_other else verified), (
                userinfo,
                email_claim,
            )


def test_lookup_reads_nested_and_dotted_claims() -> None:
    assert lookup({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert lookup({"a.b": 2}, "a.b") == 2
    assert lookup({"a": 1}, "a.b") is None
    assert lookup({}, "a") is None
    by_client = {"resource_access": {"chat.example.org": {"roles": ["user"]}}}
    assert lookup(by_client, "resource_access.chat.example.org.roles") == ["user"]
    by_address = {"https://example.org/app": {"roles": ["user"]}, "https://example": {"org/app": 7}}
    assert lookup(by_address, "https://example.org/app.roles") == ["user"]
