"""The document `access_control`: what it means, what is refused, and what a client gets back."""

from typing import Any

import msgspec
import pytest

from portico.errors import ValidationError
from portico.permissions.sharing import (
    MAX_IDS,
    PRIVATE,
    PUBLIC,
    Share,
    Sharing,
    read_access_control,
)


def back(document: Any) -> Any:
    return msgspec.json.decode(read_access_control(document).document())


def test_null_is_everyone_and_empty_object_is_private() -> None:
    assert read_access_control(None) == Sharing((PUBLIC,))
    assert read_access_control({}) == PRIVATE
    assert read_access_control({"read": {"user_ids": []}, "write": {}}) == PRIVATE


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {
            "read": {"group_ids": ["g2", "g1"], "user_ids": ["b", "a"]},
            "write": {"group_ids": [], "user_ids": ["a"]},
        },
    ],
)
def test_written_document_equals_the_sent_one(document: Any) -> None:
    assert back(document) == document


def test_raw_json_is_read_as_well() -> None:
    assert read_access_control(msgspec.Raw(b"null")).is_public
    with pytest.raises(ValidationError):
        read_access_control(msgspec.Raw(b'{"read":"\xff"}'))


def test_duplicate_id_counts_once() -> None:
    assert len(read_access_control({"read": {"user_ids": ["a", "a"]}}).shares) == 1


@pytest.mark.case("AB-33")
def test_star_is_an_id_and_not_everyone() -> None:
    sharing = read_access_control({"read": {"user_ids": ["*"]}})

    assert sharing.shares == (Share("read", "user", "*"),)
    assert not sharing.is_public


@pytest.mark.parametrize(
    ("document", "loc"),
    [
        ([], []),
        ("public", []),
        (5, []),
        (True, []),
        ({"admin": {}}, []),
        ({"read": None}, ["read"]),
        ({"read": ["a"]}, ["read"]),
        ({"read": {"roles": ["admin"]}}, ["read"]),
        ({"read": {"group_ids": "g1"}}, ["read", "group_ids"]),
        ({"read": {"group_ids": None}}, ["read", "group_ids"]),
        ({"write": {"user_ids": [1]}}, ["write", "user_ids"]),
        ({"write": {"user_ids": [""]}}, ["write", "user_ids"]),
        ({"write": {"user_ids": ["a\x00"]}}, ["write", "user_ids"]),
        ({"write": {"user_ids": ["a"] * (MAX_IDS + 1)}}, ["write", "user_ids"]),
        ({"write": {"user_ids": [["a"]]}}, ["write", "user_ids"]),
    ],
)
@pytest.mark.case("AB-33")
def test_invalid_document_is_rejected_with_its_location(document: Any, loc: list[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        read_access_control(document)

    assert refusal.value.faults[0]["loc"] == ["body", "access_control", *loc]


def test_order_does_not_matter_for_equality() -> None:
    one = read_access_control({"read": {"user_ids": ["a", "b"]}})
    other = read_access_control({"read": {"user_ids": ["b", "a"]}})

    assert one.same_as(other)
    assert not one.same_as(PRIVATE)
