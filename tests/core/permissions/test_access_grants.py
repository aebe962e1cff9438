"""Rights in the form of `access_grants`, and in both forms: what they mean, and what is refused."""

from typing import Any

import msgspec
import pytest

from portico.errors import InvalidRequest, ValidationError
from portico.permissions.access_grants import (
    MAX_GRANTS,
    read_access_grants,
    read_rights,
    unknown_rights,
)
from portico.permissions.sharing import PRIVATE, PUBLIC, Share, Sharing


def grant(holder: Any = "a", kind: Any = "user", permission: Any = "read", **more: Any) -> Any:
    return {"principal_type": kind, "principal_id": holder, "permission": permission} | more


def test_an_empty_list_is_private_and_a_star_among_users_is_everyone() -> None:
    assert read_access_grants([]) == PRIVATE
    assert read_access_grants([grant("*")]) == Sharing((PUBLIC,))
    assert read_access_grants(msgspec.Raw(b"[]")) == PRIVATE


def test_grants_name_users_and_groups_and_may_be_as_they_were_stored() -> None:
    stored = {"id": "x", "resource_type": "model", "resource_id": "m", "created_at": 1}

    sharing = read_access_grants(
        [grant("u"), grant("g", "group", "write", **stored), grant("u"), grant("*")]
    )

    assert sharing.shares == (Share("read", "user", "u"), Share("write", "group", "g"), PUBLIC)


@pytest.mark.parametrize(
    ("document", "loc"),
    [
        (None, []), ({}, []), ("[]", []), (5, []), (True, []), ([5], [0]), ([None], [0]), ([[]], [0]),
        ([grant()] * (MAX_GRANTS + 1), []),
        ([grant("*", permission="write")], [0, "permission"]), ([grant("*", "group")], [0, "permission"]),
        ([grant(kind="role")], [0, "principal_type"]), ([grant(kind=None)], [0, "principal_type"]),
        ([grant(kind=["user"])], [0, "principal_type"]), ([grant(kind="User")], [0, "principal_type"]),
        ([grant(permission="admin")], [0, "permission"]), ([grant(permission=True)], [0, "permission"]),
        ([grant(permission={})], [0, "permission"]), ([grant(permission="read ")], [0, "permission"]),
        ([grant("")], [0, "principal_id"]), ([grant(5)], [0, "principal_id"]), ([grant(None)], [0, "principal_id"]),
        ([grant("a\x00")], [0, "principal_id"]), ([{"principal_id": "*"}], [0, "principal_type"]),
        ([grant("a"), grant("*", effect="deny")], [1]), ([grant(expires_at=5)], [0]), ([{}], [0, "principal_type"]),
    ],
)  # fmt: skip
def test_grants_that_are_not_exactly_known_are_refused_with_their_place(
    document: Any, loc: list[Any]
) -> None:
    for given in (document, msgspec.Raw(msgspec.json.encode(document))):
        with pytest.raises(ValidationError) as refusal:
            read_access_grants(given)
        assert refusal.value.faults[0]["loc"] == ["body", "access_grants", *loc]


@pytest.mark.parametrize("raw", [b"[", b'["\xff"]', b"[" * 100_000])
def test_grants_that_are_not_json_are_refused(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        read_access_grants(msgspec.Raw(raw))


def test_either_form_counts_and_neither_says_nothing() -> None:
    absent = msgspec.UNSET
    assert read_rights(absent, absent) is None
    assert read_rights(msgspec.Raw(b""), msgspec.Raw(b"")) is None
    assert read_rights(None, absent) == Sharing((PUBLIC,))
    assert read_rights(absent, []) == PRIVATE


@pytest.mark.parametrize(
    ("control", "grants"),
    [
        (None, [grant("*")]), ({}, []), ({"read": {"user_ids": ["a"]}}, [grant()]),
        ({"read": {"user_ids": ["a"], "group_ids": ["g"]}}, [grant("g", "group"), grant("a")]),
        (None, [grant("*"), grant("a", permission="write")]),
    ],
)  # fmt: skip
def test_both_forms_that_say_the_same_are_read(control: Any, grants: Any) -> None:
    assert read_rights(control, grants) == read_access_grants(grants)


@pytest.mark.parametrize(
    ("control", "grants"),
    [
        (None, []), ({}, [grant("*")]), (None, [grant()]), ({}, [grant()]), ({"read": {"user_ids": ["b"]}}, [grant()]),
        ({"read": {"user_ids": ["a"]}}, [grant(permission="write")]),
        ({"read": {"user_ids": ["a"]}}, [grant("a", "group")]), ({"read": {"user_ids": ["a"]}}, [grant(), grant("*")]),
    ],
)  # fmt: skip
def test_both_forms_that_disagree_are_refused(control: Any, grants: Any) -> None:
    with pytest.raises(InvalidRequest):
        read_rights(control, grants)


@pytest.mark.parametrize(
    "sharing",
    [
        PRIVATE, Sharing((PUBLIC,)), Sharing((Share("write", "group", "g"), Share("read", "user", "u"))),
        Sharing((PUBLIC, Share("write", "user", "u"))),
    ],
)  # fmt: skip
def test_what_is_written_as_grants_is_read_as_it_was(sharing: Sharing) -> None:
    assert read_access_grants(sharing.grants()) == sharing
    assert read_rights(sharing.document(), sharing.grants()) == sharing


@pytest.mark.parametrize(
    "key", ["access", "accessControl", "Access-List", "access_rules", "acl", "sharing", "visibility", "is_public"]
)  # fmt: skip
def test_a_key_that_may_say_who_has_access_is_noticed(key: str) -> None:
    assert unknown_rights({"id": 1, key: 2}) == key


def test_keys_of_a_model_as_servers_export_it_say_nothing_about_access() -> None:
    keys = ("id", "user_id", "base_model_id", "name", "params", "meta", "is_active", "updated_at", "created_at",
            "version_id", "background_image_data", "write_access", "user", "owned_by")  # fmt: skip
    assert unknown_rights(dict.fromkeys(keys)) is None
