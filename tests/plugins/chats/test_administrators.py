"""Administrators and other users' chats: two switches decide what they read; they never change anything."""

from pathlib import Path
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED, NOT_FOUND
from tests.plugins.chats.conftest import fill, new_chat, new_folder, share

from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def refused(answer: Any) -> tuple[int, str]:
    return answer.status, answer.detail


def of(user: Client) -> str:
    return f"{CHATS}list/user/{user.account['id']}"


@pytest.mark.both_databases
@pytest.mark.case("AB-52")
def test_admin_chat_access_allows_only_reading(
    ann: Client, admin: Client, app: InProcessApp
) -> None:
    chat = new_chat(ann)
    ann.post(f"{CHATS}{chat['id']}/tags", {"name": "Work"})
    chat = ann.get(CHATS + chat["id"]).json

    assert admin.get(CHATS + chat["id"]).json == chat
    assert admin.get(f"{CHATS}{chat['id']}/pinned").json is False
    (tag,) = admin.get(f"{CHATS}{chat['id']}/tags").json
    assert tag["user_id"] == ann.account["id"]
    mine = new_folder(admin)
    for method, path, body in (
        ("POST", "", {"chat": {}}), ("DELETE", "", None), ("POST", "/pin", None), ("POST", "/archive", None),
        ("POST", "/folder", {"folder_id": mine}), ("POST", "/tags", {"name": "x"}), ("DELETE", "/tags", {"name": "work"}),
        ("DELETE", "/tags/all", None),
    ):  # fmt: skip
        answer = admin.request(method, f"{CHATS}{chat['id']}{path}", json=body)
        assert refused(answer) == (403, ACCESS_PROHIBITED), path
    for path in ("all", "all/archived", "archived", "pinned", "all/tags", ""):
        assert admin.get(CHATS + path).json == []
    assert admin.post(CHATS + "tags", {"name": "work"}).json == []
    for path in ("archive/all", "unarchive/all"):
        assert admin.post(CHATS + path).json is True
    assert admin.delete(CHATS).json is True
    assert ann.get(CHATS + chat["id"]).json == chat


@pytest.mark.both_databases
def test_account_list_includes_archived_chats(
    ann: Client, bob: Client, admin: Client, app: InProcessApp
) -> None:
    fill(app, ann, 61)
    ann.post(CHATS + "archive/all")
    new = new_chat(ann, title="Été")
    new_chat(bob)

    pages = [admin.get(f"{of(ann)}?page={n}").json for n in (1, 2, 3)]

    assert [len(page) for page in pages] == [60, 2, 0]
    assert pages[0][0] == {key: new[key] for key in ("id", "title", "updated_at", "created_at")}
    assert [one["title"] for one in admin.get(f"{of(ann)}?query=%C3%89T").json] == ["Été"]
    sorted_by = admin.get(f"{of(ann)}?order_by=title&direction=asc&page=1").json
    assert sorted_by[0]["title"] == "Chat 0"
    assert admin.get(f"{of(ann)}?order_by=user_id&direction=asc").status == 400
    assert len(admin.get(of(bob)).json) == 1
    for target in (NOWHERE, "%00", "%F0%9F%A6%9C"):
        assert refused(admin.get(f"{CHATS}list/user/{target}")) == (404, NOT_FOUND)


def test_only_administrators_export_all_users_chats(
    ann: Client, bob: Client, admin: Client, app: InProcessApp
) -> None:
    fill(app, ann, 45)
    theirs = new_chat(bob)
    share(app, theirs["id"])

    answer = admin.get(CHATS + "all/db")

    assert answer.status == 200 and len(answer.json) == 46
    assert {one["user_id"] for one in answer.json} == {ann.account["id"], bob.account["id"]}
    (chat,) = (one for one in answer.json if one["user_id"] == bob.account["id"])
    assert chat == bob.get(CHATS + theirs["id"]).json
    for user in (ann, bob):
        assert refused(user.get(CHATS + "all/db")) == (403, ACCESS_PROHIBITED)
        assert refused(user.get(of(user))) == (403, ACCESS_PROHIBITED)


class TestWithoutChatAccess:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_ADMIN_CHAT_ACCESS": "false"}

    @pytest.mark.case("AB-52")
    def test_every_route_refuses_administrators(
        self, ann: Client, admin: Client, app: InProcessApp
    ) -> None:
        chat = new_chat(ann)
        for method, path, body in (
            ("GET", "", None), ("POST", "", {"chat": {}}), ("DELETE", "", None), ("GET", "/pinned", None),
            ("POST", "/pin", None), ("POST", "/archive", None), ("POST", "/folder", {}), ("GET", "/tags", None),
            ("POST", "/tags", {"name": "x"}), ("DELETE", "/tags", {"name": "x"}), ("DELETE", "/tags/all", None),
        ):  # fmt: skip
            answer = admin.request(method, f"{CHATS}{chat['id']}{path}", json=body)
            assert refused(answer) == (404, NOT_FOUND), path
        for path in (of(ann), of(admin), CHATS + "all/db"):
            assert refused(admin.get(path)) == (403, ACCESS_PROHIBITED)
        assert ann.get(CHATS + chat["id"]).json == chat
        own = new_chat(admin)
        assert admin.get(CHATS + "all").json == [own]


class TestWithoutExport:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_ADMIN_EXPORT": "false"}

    @pytest.mark.case("AB-52")
    def test_administrators_read_but_cannot_export(self, ann: Client, admin: Client) -> None:
        chat = new_chat(ann)
        assert admin.get(CHATS + chat["id"]).json == chat
        assert refused(admin.get(CHATS + "all/db")) == (403, ACCESS_PROHIBITED)


class TestByLinesOfPolicy:
    PAGE = "p, chat, export, role:user, allow\n"

    @pytest.fixture(params=[PAGE, PAGE + "p, chat, read, role:user, allow\n"])
    def page(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Path, page: str) -> dict[str, str]:
        pages = tmp_path / "pages"
        pages.mkdir()
        (pages / "ours.csv").write_text(page)
        return env | {
            "PORTICO_ACCESS_POLICY_DIR": str(pages),
            "ENABLE_ADMIN_CHAT_ACCESS": "false",
        }

    def test_export_permission_requires_read_permission(
        self, ann: Client, admin: Client, page: str
    ) -> None:
        chat = new_chat(admin)
        if page == self.PAGE:
            assert refused(ann.get(CHATS + "all/db")) == (403, ACCESS_PROHIBITED)
            assert refused(ann.get(of(admin))) == (403, ACCESS_PROHIBITED)
        else:
            assert ann.get(CHATS + "all/db").json == [chat]
            assert [one["id"] for one in ann.get(of(admin)).json] == [chat["id"]]
