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


def test_empty_grants_are_private_and_star_user_is_everyone() -> None:
    assert read_access_grants([]) == PRIVATE
    assert read_access_grants([grant("*")]) == Sharing((PUBLIC,))
    assert read_access_grants(msgspec.Raw(b"[]")) == PRIVATE


def test_grants_may_contain_the_keys_of_stored_grants() -> None:
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
def test_unknown_grant_is_rejected_with_its_location(document: Any, loc: list[Any]) -> None:
    for given in (document, msgspec.Raw(msgspec.json.encode(document))):
        with pytest.raises(ValidationError) as refusal:
            read_access_grants(given)
        assert refusal.value.faults[0]["loc"] == ["body", "access_grants", *loc]


@pytest.mark.parametrize("raw", [b"[", b'["\xff"]', b"[" * 100_000])
def test_grants_that_are_not_json_are_rejected(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        read_access_grants(msgspec.Raw(raw))


def test_either_form_is_read_and_neither_is_none() -> None:
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
def test_equal_forms_are_accepted(control: Any, grants: Any) -> None:
    assert read_rights(control, grants) == read_access_grants(grants)


@pytest.mark.parametrize(
    ("control", "grants"),
    [
        (None, []), ({}, [grant("*")]), (None, [grant()]), ({}, [grant()]), ({"read": {"user_ids": ["b"]}}, [grant()]),
        ({"read": {"user_ids": ["a"]}}, [grant(permission="write")]),
        ({"read": {"user_ids": ["a"]}}, [grant("a", "group")]), ({"read": {"user_ids": ["a"]}}, [grant(), grant("*")]),
    ],
)  # fmt: skip
def test_different_forms_are_rejected(control: Any, grants: Any) -> None:
    with pytest.raises(InvalidRequest):
        read_rights(control, grants)


@pytest.mark.parametrize(
    "sharing",
    [
        PRIVATE, Sharing((PUBLIC,)), Sharing((Share("write", "group", "g"), Share("read", "user", "u"))),
        Sharing((PUBLIC, Share("write", "user", "u"))),
    ],
)  # fmt: skip
def test_written_grants_are_read_unchanged(sharing: Sharing) -> None:
    assert read_access_grants(sharing.grants()) == sharing
    assert read_rights(sharing.document(), sharing.grants()) == sharing


@pytest.mark.parametrize(
    "key", ["access", "accessControl", "Access-List", "access_rules", "acl", "sharing", "visibility", "is_public"]
)  # fmt: skip
def test_unknown_access_key_is_found(key: str) -> None:
    assert unknown_rights({"id": 1, key: 2}) == key


def test_keys_of_exported_models_are_not_access_keys() -> None:
    keys = ("id", "user_id", "base_model_id", "name", "params", "meta", "is_active", "updated_at", "created_at",
            "version_id", "background_image_data", "write_access", "user", "owned_by")  # fmt: skip
    assert unknown_rights(dict.fromkeys(keys)) is None
