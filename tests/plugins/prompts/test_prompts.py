"""Prompts over HTTP, as the web client uses them: their life, who has access, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED, NOT_FOUND
from tests.plugins.prompts.conftest import (
    PROMPTS,
    TAKEN,
    commands,
    form,
    group,
)

from portico.testing import Client, InProcessApp

SUMMARY = f"{PROMPTS}/command/summary"


def test_prompt_lives_as_the_client_expects(admin: Client, ann: Client) -> None:
    made = ann.post(f"{PROMPTS}/create", form(id="mine", user_id=admin.account["id"], timestamp=1))

    assert made.status == 200
    prompt = made.json
    assert prompt | {"id": "", "timestamp": 0, "created_at": 0} == {
        "id": "", "command": "/summary", "user_id": ann.account["id"], "title": "Summary",
        "content": "Sum up:", "timestamp": 0, "created_at": 0, "access_control": {},
    }  # fmt: skip
    assert prompt["id"] != "mine" and prompt["timestamp"] == prompt["created_at"] > 1
    assert ann.get(SUMMARY).json == prompt
    assert ann.get(f"{PROMPTS}/").json == [prompt]
    user = {"id": ann.account["id"], "name": "Ann", "role": "user", "email": ann.account["email"]}
    assert ann.get(f"{PROMPTS}/list").json == [prompt | {"user": user, "write_access": True}]

    changed = ann.post(f"{SUMMARY}/update", form(title="Short", content="In short: {{CLIPBOARD}}"))
    new = {"title": "Short", "content": "In short: {{CLIPBOARD}}"}
    assert changed.json == prompt | new | {"timestamp": changed.json["timestamp"]}

    renamed = ann.post(f"{SUMMARY}/update", {"command": "/tl-dr"}).json
    assert (renamed["id"], renamed["command"], renamed["title"]) == (
        prompt["id"],
        "/tl-dr",
        "Short",
    )
    assert ann.get(SUMMARY).status == 404
    assert ann.delete(f"{PROMPTS}/command/tl-dr/delete").json is True
    assert commands(ann) == commands(ann, "/list") == []
    entries = admin.get("/api/v1/audit").json["entries"]
    audited = [one["event"] for one in entries if one["resource_kind"] == "prompt"]
    assert audited == ["prompt.deleted", "prompt.updated", "prompt.updated", "prompt.created"]
    assert "In short" not in str(entries)


@pytest.mark.case("AB-33")
def test_access_follows_grants_and_their_end(admin: Client, ann: Client, bob: Client) -> None:
    crew = group(admin, bob)
    assert ann.post(f"{PROMPTS}/create", form()).status == 200
    assert commands(bob) == commands(bob, "/list") == []
    absent = bob.get(f"{PROMPTS}/command/absent")
    for answer in (
        absent,
        bob.get(SUMMARY),
        bob.post(f"{SUMMARY}/update", form()),
        bob.delete(f"{SUMMARY}/delete"),
    ):
        assert (answer.status, answer.body) == (404, absent.body)
        assert answer.detail == NOT_FOUND

    readers = {"read": {"group_ids": [crew]}}
    assert ann.post(f"{SUMMARY}/update", form(access_control=readers)).status == 200
    assert (commands(bob), commands(bob, "/list")) == (["/summary"], [])
    assert bob.get(SUMMARY).json["content"] == "Sum up:"
    for answer in (bob.post(f"{SUMMARY}/update", form()), bob.delete(f"{SUMMARY}/delete")):
        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)

    both = {"access_grants": [
        {"principal_type": "user", "principal_id": bob.account["id"], "permission": one}
        for one in ("read", "write")
    ]}  # fmt: skip
    assert ann.post(f"{SUMMARY}/update", both).status == 200
    listed = bob.get(f"{PROMPTS}/list").json
    assert [(one["command"], one["write_access"]) for one in listed] == [("/summary", True)]
    assert listed[0]["user"]["email"] == ""  # AB-26: addresses are for administrators and the owner
    # A writer may change the text; to share it publicly takes the permission in any case.
    assert bob.post(f"{SUMMARY}/update", {"content": "New"}).json["content"] == "New"
    public = form(access_control=None)
    assert bob.post(f"{SUMMARY}/update", public).status == 403
    assert ann.post(f"{SUMMARY}/update", public).status == 403
    assert admin.post(f"{SUMMARY}/update", public).json["access_control"] is None
    assert commands(admin.add_user("Cay")) == ["/summary"]
    assert ann.post(f"{SUMMARY}/update", form()).status == 200
    assert commands(bob) == commands(bob, "/list") == []


@pytest.mark.case("AB-35")
@pytest.mark.parametrize("other", ["/Summary", "SUMMARY", "/ｓummary", "/sum\u00admary", "/Résumé"])
def test_command_is_unique_in_every_spelling(ann: Client, bob: Client, other: str) -> None:
    for command in ("/summary", "/re\u0301sume\u0301"):
        assert ann.post(f"{PROMPTS}/create", form(command)).status == 200
    before = ann.get(f"{PROMPTS}/").json
    group_of_bob = ann.post(f"{PROMPTS}/create", form(other))
    assert group_of_bob.status == 400
    assert ann.post(f"{SUMMARY}/update", {"command": "/RÉSUMÉ"}).detail == TAKEN
    assert ann.get(f"{PROMPTS}/").json == before
    assert ann.get(f"{PROMPTS}/command/R%C3%89SUM%C3%89").json["command"] == "/r\u00e9sum\u00e9"
    assert ann.post(f"{SUMMARY}/update", {"command": "/Summary"}).json["command"] == "/Summary"


@pytest.mark.case("AB-41")
def test_hostile_values_are_refused_and_nothing_is_stored(ann: Client) -> None:
    bad = ["", "/", "//", "/a/b", "/a b", "/..", "/.", "a?b", "a#b", "a%2fb", "/\u200b", "/<b>",
           "/" + "x" * 129, "/\x07", "/{{USER_NAME}}", "x" * 1_000_000]  # fmt: skip
    for command in bad:
        answer = ann.post(f"{PROMPTS}/create", form(command))
        assert (answer.status, answer.detail[:16]) == (400, "[ERROR: command "), command[:20]
    cases: list[tuple[dict[str, Any], int]] = [
        ({"title": "x" * 513}, 400),
        ({"content": "ä" * 70_000}, 400),
        ({"content": None}, 422),
        ({"title": ["a"]}, 422),
        ({"access_control": "public"}, 422),
        ({"access_control": {"read": {"user_ids": ["absent"]}}}, 400),
        ({"access_control": {"read": {"user_ids": ["*"]}}}, 400),
        ({"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
          "access_control": {}}, 400),
        ({"access_control": None}, 403),
    ]  # fmt: skip
    for more, status in cases:
        answer = ann.post(f"{PROMPTS}/create", form(**more))
        assert (answer.status, "Sum up" in str(answer.body)) == (status, False), more
    unknown = form() | {"visibility": "private"}
    del unknown["access_control"]
    assert ann.post(f"{PROMPTS}/create", unknown).status == 422
    assert commands(ann) == []


def test_rights_of_creation_and_default_access(admin: Client, ann: Client, bob: Client) -> None:
    plain = {"command": "/hi", "title": "Hi", "content": "Hello"}  # as the client imports
    refused = bob.post(f"{PROMPTS}/create", plain)
    assert (refused.status, refused.detail) == (403, "401 Unauthorized")
    assert ann.post(f"{PROMPTS}/create", plain).json["access_control"] == {}
    group(admin, bob, permissions={
        "workspace": {"prompts_import": True}, "sharing": {"public_prompts": True},
    })  # fmt: skip
    assert bob.post(f"{PROMPTS}/create", plain | {"command": "b"}).json["access_control"] is None
    assert sorted(commands(ann)) == ["/b", "/hi"]
    assert sorted(commands(admin, "/list")) == ["/b", "/hi"]


@pytest.mark.both_databases
def test_lists_are_bounded_and_searched(app: InProcessApp, ann: Client) -> None:
    for number in range(32):
        made = form(f"/p{number:02}", title="100%" if number == 7 else "Title", content="x" * 1000)
        assert ann.post(f"{PROMPTS}/create", made).status == 200
    first, second = commands(ann, "/?page=1"), commands(ann, "/list?page=2")
    assert (len(first), len(second), len({*first, *second})) == (30, 2, 32)
    assert commands(ann, "/?query=100%25") == ["/p07"]
    assert commands(ann, "/list?query=P1&page=1") == commands(ann, "/list?query=P1")
    assert len(commands(ann, "/list?query=P1")) == 10
    assert ann.get(f"{PROMPTS}/").headers["x-total-count"] == "32"
    for page in ("-1", "99999999999999999999"):
        assert ann.get(f"{PROMPTS}/?page={page}").status in (200, 422)


@pytest.mark.parametrize("keeps", [True, False])
def test_prompts_of_a_deleted_account_are_transferred_or_deleted(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, keeps: bool
) -> None:
    shared = {"read": {"user_ids": [bob.account["id"]]}}
    made = ann.post(f"{PROMPTS}/create", form(access_control=shared)).json
    query = "" if keeps else "?delete_content=true"
    assert admin.delete(f"/api/v1/users/{ann.account['id']}{query}").json is True
    left = [(one["id"], one["user_id"]) for one in admin.get(f"{PROMPTS}/list").json]
    assert left == ([(made["id"], admin.account["id"])] if keeps else [])
    assert commands(bob) == (["/summary"] if keeps else [])
    grants = "SELECT resource_id AS id FROM portico_grant WHERE resource_kind = 'prompt'"
    kept = [row["id"] for row in app.run(app.portico.database.rows, grants)]
    assert kept == ([made["id"]] if keeps else [])


def test_one_of_many_writers_gets_the_command(ann: Client) -> None:
    spellings = ["/race", "/RACE", "race", "/Race"] * 2
    with ThreadPoolExecutor(len(spellings)) as pool:
        answers = list(pool.map(lambda one: ann.post(f"{PROMPTS}/create", form(one)), spellings))
    assert sorted(one.status for one in answers) == [200, *[400] * 7]
    assert {one.detail for one in answers if one.status == 400} == {TAKEN}
    assert len(commands(ann)) == 1


class TestWithoutBypass:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"BYPASS_ADMIN_ACCESS_CONTROL": "false"}

    @pytest.mark.both_databases
    def test_administrators_see_shared_prompts_only_and_may_remove_all(
        self, admin: Client, ann: Client
    ) -> None:
        assert ann.post(f"{PROMPTS}/create", form()).status == 200
        assert commands(admin) == commands(admin, "/list") == []
        assert admin.get(SUMMARY).status == 404
        assert admin.delete(f"{SUMMARY}/delete").json is True
        assert commands(ann) == []
