"""Exported groups, imported again."""

from typing import Any

import pytest
from tests.plugins.groups.conftest import GROUPS, Audited, NewGroup

from portico.testing import Client

IMPORT = f"{GROUPS}/import"


def exported(admin: Client, group_id: str) -> dict[str, Any]:
    return dict(admin.get(f"{GROUPS}/id/{group_id}/export").json)


def test_what_was_exported_comes_back_as_it_was(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group(permissions={"chat": {"tts": True}}, data={"config": {"share": False}})
    path = f"{GROUPS}/id/{group['id']}"
    admin.post(f"{path}/users/add", {"user_ids": [user.account["id"]]})
    before = exported(admin, group["id"])
    admin.delete(f"{path}/delete")
    report = {
        "id": group["id"], "name": "Staff", "result": "created", "members": 1, "ignored": ["absent"]
    }  # fmt: skip
    given = before | {"user_ids": [*before["user_ids"], "absent"]}
    assert admin.post(IMPORT, given).json == [report]
    times = {"created_at": 0, "updated_at": 0}
    assert exported(admin, group["id"]) | times == before | times


def test_nothing_that_is_there_is_overwritten_unasked(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group()
    given = exported(admin, group["id"]) | {"name": "Other", "user_ids": [user.account["id"]]}
    (report,) = admin.post(IMPORT, [given]).json
    assert report["result"] == "created" and report["id"] != group["id"]
    assert admin.get(f"{GROUPS}/id/{group['id']}").json == group
    (report,) = admin.post(f"{IMPORT}?replace=true", [given]).json
    assert (report["result"], report["id"], report["members"]) == ("replaced", group["id"], 1)
    assert admin.get(f"{GROUPS}/id/{group['id']}").json["name"] == "Other"


def test_a_replaced_group_has_exactly_the_members_of_the_import(
    admin: Client, user: Client, new_group: NewGroup, audited: Audited
) -> None:
    group, ada, ben = new_group()["id"], admin.account["id"], user.account["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [ada]})
    given = {"id": group, "name": "Staff"}
    assert admin.post(f"{IMPORT}?replace=1", given).json[0]["members"] == 1
    assert exported(admin, group)["user_ids"] == [ada]
    assert admin.post(f"{IMPORT}?replace=1", given | {"user_ids": [ben]}).json[0]["members"] == 1
    assert exported(admin, group)["user_ids"] == [ben]
    assert [one["event"] for one in audited("group")][-2:] == ["members.added", "members.removed"]


def test_all_of_an_import_or_none_of_it(admin: Client) -> None:
    good = {"name": "Good", "description": ""}
    for bad, status, where in (
        ({"name": "Bad", "permissions": {"chat": {"tts": 1}}}, 422, ["body", 1, "permissions", "chat", "tts"]),
        ({"name": "Bad", "permissions": {"a": {}}}, 422, ["body", 1, "permissions", "a"]),
        ({"description": ""}, 422, ["body", 1, "name"]),
        ({"name": "Bad", "id": "no id"}, 422, ["body", 1, "id"]),
        ({"name": "Bad", "id": "same"}, 422, ["body", 1, "id"]),
        ({"name": "x" * 300}, 400, "(group 1)"),
    ):  # fmt: skip
        answer = admin.post(IMPORT, [good | {"id": "same"}, bad])
        assert answer.status == status
        if status == 422:
            assert answer.detail[0]["loc"] == where
        else:
            assert where in answer.detail
    assert admin.get(GROUPS).json == []


@pytest.mark.parametrize(
    "body",
    [
        b'[{"name":"A"},{"name":"B"}]', b'{"version":1,"groups":[{"name":"A"},{"name":"B"}]}',
        b'{"name":"A"}\n{"name":"B"}\n', b'[{"name":"A"}][{"name":"B"}]', b'\xef\xbb\xbf[{"name":"A"}]{"name":"B"}',
    ],
)  # fmt: skip
def test_every_form_of_export_comes_in_whole(admin: Client, body: bytes) -> None:
    assert [one["name"] for one in admin.post(IMPORT, body=body).json] == ["A", "B"]
    assert {one["name"] for one in admin.get(GROUPS).json} == {"A", "B"}


@pytest.mark.parametrize(
    "body",
    [
        b'[{"name":"A"}] oops', b'[{"name":"A"}', b'[{"name":"A"}]]', b'{"groups":[{"name":5}]}',
        b'{"name":"A"}\n{"name":', b'{"version":0,"ui":{}}',
    ],
)  # fmt: skip
def test_what_is_no_export_to_its_end_is_refused_whole(admin: Client, body: bytes) -> None:
    assert admin.post(IMPORT, body=body).status == 422
    assert admin.get(GROUPS).json == []


def test_a_group_of_an_export_keeps_its_id_and_grants_nothing_it_did_not_say(admin: Client) -> None:
    group = {
        "id": "975edfaf-44bd-46f0-851d-14d6d5663348", "user_id": "elsewhere", "name": "Légal & co",
        "description": "people", "data": None, "meta": None, "permissions": None, "member_count": 2,
        "created_at": 1795994190, "updated_at": 1795994190,
    }  # fmt: skip
    (report,) = admin.post(IMPORT, [group]).json
    assert (report["id"], report["members"]) == (group["id"], 0)
    assert not exported(admin, group["id"])["permissions"]


@pytest.mark.case("AB-31")
@pytest.mark.parametrize("granted", ["true", 1, "1", [], {}, None, "no"])
def test_only_json_booleans_grant_anything(admin: Client, granted: Any) -> None:
    tree = {"workspace": {"models": granted}}
    for path, body in (
        (IMPORT, [{"name": "G", "permissions": tree}]),
        (f"{GROUPS}/create", {"name": "G", "description": "", "permissions": tree}),
    ):
        assert admin.post(path, body).status == 422
    assert admin.get(GROUPS).json == []


def test_an_import_has_a_limit_too(admin: Client) -> None:
    group = {"name": "G", "user_ids": ["x"] * 10_001}
    assert admin.post(IMPORT, group).status == 422
    assert admin.post(IMPORT, [{"name": "G"}] * 1001).status == 422
    for body in (b"", b"[", b"5", b"null", b'"x"', b"[5]"):
        assert admin.post(IMPORT, body=body).status == 422
    assert admin.post(IMPORT, []).json == []


def test_only_administrators_import(client: Client, user: Client) -> None:
    assert client.post(IMPORT, {"name": "G"}).status == 401
    assert user.post(IMPORT, {"name": "G"}).status == 403
