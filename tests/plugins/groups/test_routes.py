"""Groups as a client sees them."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.groups.conftest import GROUPS, Audited, NewGroup

from portico.testing import Client, InProcessApp

STAFF = {
    "name": "Staff",
    "description": "All",
    "data": {"config": {"share": True}},
    "permissions": {"chat": {"tts": True}},
}


def test_a_group_is_answered_as_clients_know_it(admin: Client) -> None:
    made = admin.post(f"{GROUPS}/create", STAFF)
    assert made.status == 200
    group = made.json
    assert group == STAFF | {
        "id": group["id"], "user_id": admin.account["id"], "meta": None, "member_count": 0,
        "created_at": group["created_at"], "updated_at": group["created_at"],
    }  # fmt: skip
    assert admin.get(f"{GROUPS}/id/{group['id']}").json == group
    for path in (GROUPS, f"{GROUPS}/", f"{GROUPS}/?share=true"):
        assert admin.get(path).json == [group]


def test_members_come_and_go_and_are_counted(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    path = f"{GROUPS}/id/{new_group()['id']}/users"
    ben = user.account["id"]
    added = admin.post(f"{path}/add", {"user_ids": [ben, ben, "absent"]}).json
    assert (added["member_count"], added["ignored"]) == (1, ["absent"])
    added = admin.post(f"{path}/add", {"user_ids": [ben, admin.account["id"]]}).json
    assert added["member_count"] == 2 and "ignored" not in added
    assert admin.post(f"{path}/add", {}).json["member_count"] == 2
    assert admin.post(f"{path}/remove", {}).json["member_count"] == 2
    gone = admin.post(f"{path}/remove", {"user_ids": [ben, "absent"]}).json
    assert (gone["member_count"], gone["ignored"]) == (1, ["absent"])
    assert admin.post(f"{path}/remove", {"user_ids": [ben]}).json["member_count"] == 1
    assert [one["name"] for one in admin.post(path).json] == ["Ada"]


def test_a_change_of_members_is_a_change_of_the_group(
    app: InProcessApp, admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group()["id"]
    execute = app.portico.database.execute
    for way in ("add", "remove"):
        app.run(execute, "UPDATE portico_group SET updated_at = 5")
        body = {"user_ids": [user.account["id"]]}
        assert admin.post(f"{GROUPS}/id/{group}/users/{way}", body).json["updated_at"] > 5
        app.run(execute, "UPDATE portico_group SET updated_at = 5")
        assert admin.post(f"{GROUPS}/id/{group}/users/{way}", body).json["updated_at"] == 5


@pytest.mark.both_databases
def test_a_member_is_shown_as_clients_know_people(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    path = f"{GROUPS}/id/{new_group()['id']}/users"
    admin.post(f"{path}/add", {"user_ids": [user.account["id"]]})
    assert admin.post(path).json == [
        {
            "id": user.account["id"], "name": "Ben", "email": "ben@example.org", "role": "user",
            "status_emoji": None, "status_message": None, "status_expires_at": None,
        }
    ]  # fmt: skip
    assert admin.post(f"{path}?page=1").json == admin.post(path).json
    for page in ("2", "99999999999999999999"):
        assert admin.post(f"{path}?page={page}").json == []
    assert admin.post(f"{path}?page=x").status == 422
    assert admin.post(f"{GROUPS}/id/nothing/users").status == 404


def test_people_see_the_groups_they_are_in_and_administrators_see_all(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    staff, _ = new_group("Staff"), new_group("Board")
    body = {"user_ids": [user.account["id"]]}
    admin.post(f"{GROUPS}/id/{staff['id']}/users/add", body)
    assert [one["name"] for one in user.get(GROUPS).json] == ["Staff"]
    assert user.get(GROUPS).json[0]["member_count"] == 1
    assert {one["name"] for one in admin.get(GROUPS).json} == {"Staff", "Board"}
    (own,) = user.get("/api/v1/users/groups").json
    assert own["name"] == "Staff" and "member_count" not in own
    assert admin.get("/api/v1/users/groups").json == []
    assert admin.get(f"/api/v1/users/{user.account['id']}/groups").json == [own]
    assert admin.get("/api/v1/users/absent/groups").status == 404
    assert user.get(f"/api/v1/users/{user.account['id']}/groups").status == 403


def test_a_picker_asks_for_groups_to_share_with(admin: Client, new_group: NewGroup) -> None:
    for name, data in (
        ("none", None), ("empty", {}), ("null", {"config": {"share": None}}),
        ("yes", {"config": {"share": True}}), ("no", {"config": {"share": False}}), ("odd", {"config": "x"}),
    ):  # fmt: skip
        new_group(name, data=data)

    def names(query: str) -> set[str]:
        return {one["name"] for one in admin.get(f"{GROUPS}/?{query}").json}

    assert names("share=true") == {"none", "empty", "null", "yes", "odd"}
    assert names("share=false") == {"no"}
    assert len(names("")) == len(names("share=")) == 6
    assert admin.get(f"{GROUPS}/?share=perhaps").status == 422


def test_a_group_for_its_members_only_is_offered_to_its_members_only(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    new_group("words", data={"config": {"share": "false"}})
    new_group("zero", data={"config": {"share": 0}})
    group = new_group("members", data={"config": {"share": "members"}})

    def offered(caller: Client) -> list[str]:
        return [one["name"] for one in caller.get(f"{GROUPS}/?share=true").json]

    assert offered(admin) == offered(user) == []
    for one in (admin, user):
        path = f"{GROUPS}/id/{group['id']}/users/add"
        admin.post(path, {"user_ids": [one.account["id"]]})
        assert offered(one) == ["members"]


def test_what_is_null_stays_and_the_rest_is_replaced_whole(
    admin: Client, new_group: NewGroup
) -> None:
    group = new_group(
        data={"a": 1}, permissions={"chat": {"tts": True}, "workspace": {"models": True}}
    )
    path = f"{GROUPS}/id/{group['id']}/update"
    form = {"name": "Crew", "description": None, "permissions": None, "data": None}
    changed = admin.post(path, form).json
    assert changed | {"updated_at": 0} == group | {"name": "Crew", "updated_at": 0}
    form |= {"permissions": {"chat": {"stt": True}}, "data": {"b": 2}}
    changed = admin.post(path, form).json
    assert (changed["permissions"], changed["data"]) == ({"chat": {"stt": True}}, {"b": 2})
    assert admin.post(path, {"name": "Crew"}).status == 422


def test_what_is_not_there_is_said_as_clients_know_it(admin: Client) -> None:
    for group in ("nothing", "%00", "a%20b"):
        path = f"{GROUPS}/id/{group}"
        for missing in (path, f"{path}/export"):
            assert (admin.get(missing).status, admin.get(missing).detail) == (404, NOT_FOUND)
        for way, body, doing in (
            ("update", {"name": "G", "description": ""}, "updating group"),
            ("users/add", {"user_ids": []}, "adding users to group"),
            ("users/remove", {"user_ids": []}, "removing users from group"),
        ):
            answer = admin.post(f"{path}/{way}", body)
            assert (answer.status, answer.detail) == (400, f"[ERROR: Error {doing}]")
        assert admin.delete(f"{path}/delete").json is True


def test_a_deleted_group_takes_what_it_permitted_with_it(
    app: InProcessApp, admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group(permissions={"workspace": {"models": True}})["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [user.account["id"]]})
    assert user.get("/api/v1/users/permissions").json["workspace"]["models"]
    app.run(
        app.portico.database.execute,
        "INSERT INTO portico_grant (id, resource_kind, resource_id, action, principal_kind, "
        "principal_id, position, created_at) VALUES ('1', 'model', 'm', 'read', 'group', $1, 0, 0)",
        group,
    )
    assert admin.delete(f"{GROUPS}/id/{group}/delete").json is True
    assert not user.get("/api/v1/users/permissions").json["workspace"]["models"]
    assert user.get(GROUPS).json == []
    assert app.run(app.portico.database.rows, "SELECT * FROM portico_grant") == []
    assert admin.delete(f"{GROUPS}/id/{group}/delete").json is True


def test_an_exported_group_names_its_members(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group()
    path = f"{GROUPS}/id/{group['id']}"
    assert admin.get(f"{path}/export").json == group | {"user_ids": []}
    admin.post(f"{path}/users/add", {"user_ids": [user.account["id"]]})
    assert admin.get(f"{path}/export").json["user_ids"] == [user.account["id"]]


def test_groups_of_a_deleted_account_go_to_the_administrator_who_deletes_it(
    app: InProcessApp, admin: Client
) -> None:
    eve = admin.add_user("Eve", role="admin")
    group = eve.post(f"{GROUPS}/create", {"name": "G", "description": ""}).json
    assert group["user_id"] == eve.account["id"]
    delete = app.portico.identity.accounts.delete
    app.run(delete, eve.account["id"], admin.account["id"])
    assert admin.get(f"{GROUPS}/id/{group['id']}").json["user_id"] == admin.account["id"]


@pytest.mark.both_databases
def test_people_added_at_the_same_time_are_all_in(admin: Client, new_group: NewGroup) -> None:
    people = [admin.add_user(f"P{number}").account["id"] for number in range(8)]
    path = f"{GROUPS}/id/{new_group()['id']}/users"

    def add(number: int) -> int:
        # Overlapping lists in opposite orders, which databases without care answer with a deadlock.
        some = people[number:] + people[:number]
        return admin.post(f"{path}/add", {"user_ids": some[: 5 - number % 2]}).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(8))) == {200}
    assert {one["id"] for one in admin.post(path).json} == set(people)


@pytest.mark.parametrize(
    ("change", "status", "where"),
    [
        ({"name": None}, 422, "name"),
        ({"name": "x" * 257}, 400, "name"),
        ({"description": "x" * 4097}, 400, "description"),
        ({"data": {"a": "x" * 70_000}}, 400, "data"),
        ({"data": []}, 422, "data"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(
    admin: Client, new_group: NewGroup, change: dict[str, Any], status: int, where: str
) -> None:
    answer = admin.post(f"{GROUPS}/create", STAFF | change)
    assert answer.status == status and where in str(answer.detail)
    assert admin.get(GROUPS).json == []
    if change != {"name": None}:
        group = new_group()
        answer = admin.post(f"{GROUPS}/id/{group['id']}/update", STAFF | change)
        assert answer.status == status and where in str(answer.detail)
        assert admin.get(GROUPS).json == [group]


def test_every_change_is_noted_with_who_made_it(
    admin: Client, user: Client, new_group: NewGroup, audited: Audited
) -> None:
    ben, ada = user.account["id"], admin.account["id"]
    group = new_group(permissions={"chat": {"tts": True}})["id"]
    path = f"{GROUPS}/id/{group}"
    admin.post(f"{path}/users/add", {"user_ids": [ben, "absent"]})
    admin.post(f"{path}/users/add", {"user_ids": [ben]})
    admin.post(f"{path}/update", {"name": "Crew", "description": "", "permissions": {}})
    admin.post(f"{path}/update", {"name": "Crew", "description": ""})
    admin.post(f"{path}/users/remove", {"user_ids": [ben, ada]})
    admin.delete(f"{path}/delete")
    staff = {"name": "Staff", "description": "", "permissions": {"chat": {"tts": True}}}
    crew = {"name": "Crew", "description": "", "permissions": {}}
    noted = audited("group")
    assert {(one["id"], one["author"]) for one in noted} == {(group, ada)}
    assert [(one["event"], one["old"], one["new"]) for one in noted] == [
        ("group.created", None, staff),
        ("members.added", None, [ben]),
        ("group.changed", staff, crew),
        ("members.removed", [ben], None),
        ("group.deleted", crew | {"members": 0}, None),
    ]


def test_a_permission_text_from_before_is_shown_as_it_is(
    app: InProcessApp, admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group()["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [user.account["id"]]})
    set_text = "UPDATE portico_group SET permissions = $1"
    old = '{"echo":{"shout":true},"chat":"all","features":{"api_keys":"no"}}'
    app.run(app.portico.database.execute, set_text, old)
    app.portico.identity._clear_caches(None)
    may = user.get("/api/v1/users/permissions").json
    assert (may["echo"], may["features"]["api_keys"]) == ({"shout": True}, False)
    assert admin.get(f"{GROUPS}/id/{group}").json["permissions"]["chat"] == "all"
    app.run(app.portico.database.execute, set_text, "{damaged")
    assert admin.get(f"{GROUPS}/id/{group}").json["permissions"] is None


def test_what_an_earlier_release_took_stays_while_something_else_changes(
    app: InProcessApp, admin: Client, new_group: NewGroup
) -> None:
    group_id, permissions = new_group()["id"], {"old": {"word": "yes"}}
    form = {"name": "n" * 300, "description": "d" * 5000, "permissions": permissions}
    keep = "UPDATE portico_group SET name = $2, description = $3, permissions = $4 WHERE id = $1"
    values = (form["name"], form["description"], json.dumps(permissions))
    app.run(app.portico.database.execute, keep, group_id, *values)
    path = f"{GROUPS}/id/{group_id}/update"

    assert admin.post(path, form).status == 200
    for change in ({"name": "m" * 300}, {"description": "e" * 5000}):
        assert admin.post(path, form | change).status == 400
    assert admin.post(path, form | {"permissions": {"old": {"word": "no"}}}).status == 422
    assert admin.post(path, form | {"name": "Short"}).json["name"] == "Short"
