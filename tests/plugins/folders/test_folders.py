"""Folders over HTTP: storage, access and validation."""

from typing import Any
from uuid import UUID

import pytest
from tests.error_details import NOT_FOUND
from tests.one_database import on_sqlite
from tests.plugins.folders.conftest import (
    EXISTS,
    FOLDERS,
    NOWHERE,
    new_folder,
    parents,
    stored,
)

from portico.testing import Client, InProcessApp


def test_create_returns_folder_at_root(ann: Client, bob: Client) -> None:
    theirs = new_folder(bob)
    form = {
        "name": "  Trips \t ideas ", "data": {"system_prompt": "Be brief"}, "meta": {"icon": "ship"},
        "id": theirs, "user_id": bob.account["id"], "parent_id": theirs, "items": {"a": 1},
        "is_expanded": True, "created_at": 1, "updated_at": 1,
    }  # fmt: skip

    folder = ann.post(FOLDERS, form).json

    assert list(folder) == [
        "id", "parent_id", "user_id", "name", "items", "meta", "data", "is_expanded",
        "created_at", "updated_at",
    ]  # fmt: skip
    assert UUID(folder["id"]).version == 4 and folder["id"] != theirs
    assert (folder["user_id"], folder["name"]) == (ann.account["id"], "Trips ideas")
    assert (folder["parent_id"], folder["items"], folder["is_expanded"]) == (None, None, False)
    assert (folder["data"], folder["meta"]) == ({"system_prompt": "Be brief"}, {"icon": "ship"})
    assert folder["created_at"] == folder["updated_at"] > 1
    assert ann.get(FOLDERS + folder["id"]).json == folder


def test_list_has_own_folders_oldest_first(ann: Client, bob: Client) -> None:
    first = new_folder(ann, "First", meta={"icon": "ship", "more": 1}, data={"a": 1})
    second = new_folder(ann, "Second", inside=first, meta={})
    third = new_folder(ann, "Third")
    new_folder(bob)

    listed = ann.get("/api/v1/folders").json

    assert ann.get(FOLDERS).json == listed
    assert list(listed[0]) == [
        "id", "name", "meta", "parent_id", "is_expanded", "created_at", "updated_at",
    ]  # fmt: skip
    by_id = {one["id"]: one for one in listed}
    assert set(by_id) == {first, second, third}
    assert [by_id[one]["meta"] for one in (first, second, third)] == [
        {"icon": "ship"}, {"icon": None}, None,
    ]  # fmt: skip
    assert [by_id[one]["parent_id"] for one in (first, second, third)] == [None, first, None]
    assert listed == sorted(listed, key=lambda one: (one["created_at"], one["id"]))


def test_rename_changes_only_name(ann: Client) -> None:
    folder_id = new_folder(ann, "Trips", data={"a": 1}, meta={"icon": "x"})
    before = ann.get(FOLDERS + folder_id).json

    renamed = ann.post(f"{FOLDERS}{folder_id}/update", {"name": "TRIPS"})

    assert renamed.status == 200
    assert renamed.json == before | {"name": "TRIPS", "updated_at": renamed.json["updated_at"]}
    assert ann.post(f"{FOLDERS}{folder_id}/update", {}).json["name"] == "TRIPS"
    assert ann.post(f"{FOLDERS}{folder_id}/update", {"name": None}).json["name"] == "TRIPS"


def test_expanded_state_is_stored(ann: Client) -> None:
    folder_id = new_folder(ann)
    for is_open in (True, True, False):
        answer = ann.post(f"{FOLDERS}{folder_id}/update/expanded", {"is_expanded": is_open})
        assert (answer.status, answer.json["is_expanded"]) == (200, is_open)
        assert ann.get(FOLDERS).json[0]["is_expanded"] is is_open


@pytest.mark.parametrize("other", ["Straße", "STRASSE", " strasse ", "STRAẞE"])
def test_sibling_names_are_unique_ignoring_case(ann: Client, other: str) -> None:
    first = new_folder(ann, "Straße")
    second = new_folder(ann, "Second")

    for answer in (
        ann.post(FOLDERS, {"name": other}),
        ann.post(f"{FOLDERS}{second}/update", {"name": other}),
    ):
        assert (answer.status, answer.detail) == (400, EXISTS)

    assert parents(ann) == {"Straße": None, "Second": None}
    inside = new_folder(ann, "Third", inside=first)
    assert ann.post(f"{FOLDERS}{inside}/update", {"name": other}).status == 200


def test_unicode_forms_of_a_name_are_equal(ann: Client) -> None:
    new_folder(ann, "Caf\u00e9")
    assert ann.post(FOLDERS, {"name": "cafe\u0301"}).detail == EXISTS


def test_names_of_other_accounts_are_free(ann: Client, bob: Client) -> None:
    new_folder(ann, "Trips")
    new_folder(bob, "Trips")
    assert parents(ann) == parents(bob) == {"Trips": None}


@on_sqlite
@pytest.mark.parametrize(
    "name",
    ["", " ", "\t\n", "\u3000", "\u200b", "\u200b \u2060", "\x00", "a\x07b", "a" * 257,
     "\U0001d1c0" * 256, "x" * 10_000_000],
)  # fmt: skip
@pytest.mark.case("AB-58")
def test_invalid_name_is_refused(app: InProcessApp, ann: Client, name: str) -> None:
    folder_id = new_folder(ann)
    before = stored(app)

    for answer in (
        ann.post(FOLDERS, {"name": name}),
        ann.post(f"{FOLDERS}{folder_id}/update", {"name": name, "data": {"a": 1}}),
    ):
        assert answer.status == 400
        assert answer.detail.startswith("[ERROR: name must be ")

    assert stored(app) == before


@pytest.mark.parametrize(
    "name", ["a" * 256, "👨‍👩‍👧", "ΐ" * 256, "'; DROP TABLE folders_folder; --", "%", "a/b"]
)
def test_any_visible_name_is_accepted(ann: Client, name: str) -> None:
    assert ann.get(FOLDERS + new_folder(ann, name)).json["name"] == name


@on_sqlite
@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        ("", {}, ["body", "name"]),
        ("", {"name": None}, ["body", "name"]),
        ("", {"name": {}}, ["body", "name"]),
        ("", [], ["body"]),
        ("{id}/update", {"name": 5}, ["body", "name"]),
        ("{id}/update/parent", {"parent_id": 5}, ["body", "parent_id"]),
        ("{id}/update/expanded", {}, ["body", "is_expanded"]),
        ("{id}/update/expanded", {"is_expanded": "yes"}, ["body", "is_expanded"]),
        ("{id}/update/expanded", {"is_expanded": None}, ["body", "is_expanded"]),
    ],
)
@pytest.mark.case("AB-58")
def test_invalid_form_is_422_with_location(
    app: InProcessApp, ann: Client, path: str, body: Any, loc: list[str]
) -> None:
    folder_id = new_folder(ann)
    before = stored(app)

    answer = ann.post(FOLDERS + path.format(id=folder_id), body)

    assert (answer.status, answer.detail[0]["loc"]) == (422, loc)
    assert stored(app) == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name":"\xed\xa0\x80"}', b"[" * 100_000])
@pytest.mark.case("AB-69")
def test_invalid_json_is_422(ann: Client, body: bytes) -> None:
    folder_id = new_folder(ann)
    for path in ("", f"{folder_id}/update"):
        assert ann.post(FOLDERS + path, body=body).status == 422


@pytest.mark.case("AB-48")
def test_foreign_and_unknown_folders_get_same_response(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    folder_id = new_folder(ann)
    before = stored(app)

    for user in (bob, admin):
        for target in (folder_id, NOWHERE, "absent", "%00", "%F0%9F%A6%9C"):
            for answer in (
                user.get(FOLDERS + target),
                user.post(f"{FOLDERS}{target}/update", {"name": "Mine"}),
                user.post(f"{FOLDERS}{target}/update/parent", {"parent_id": None}),
                user.post(f"{FOLDERS}{target}/update/expanded", {"is_expanded": True}),
                user.delete(FOLDERS + target),
                user.delete(f"{FOLDERS}{target}?delete_contents=false"),
            ):
                assert (answer.status, answer.detail) == (404, NOT_FOUND)
        assert user.get(FOLDERS).json == []

    assert stored(app) == before


def test_number_of_folders_is_limited(env: dict[str, str], request: pytest.FixtureRequest) -> None:
    env["PORTICO_FOLDERS_MAX_FOLDERS"] = "2"
    admin: Client = request.getfixturevalue("admin")
    first, second = new_folder(admin, "First"), new_folder(admin, "Second")

    refused = admin.post(FOLDERS, {"name": "Third"})

    assert (refused.status, refused.detail) == (400, "[ERROR: An account has at most 2 folders]")
    assert set(parents(admin)) == {"First", "Second"}
    new_folder(admin.add_user("Eve"), "First")
    assert admin.delete(FOLDERS + first).status == 200
    new_folder(admin, "Third", inside=second)
