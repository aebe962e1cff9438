"""Sharing: what others see, what they never see, and how a share ends."""

import json
from typing import Any
from uuid import UUID

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.chats.conftest import document, new_chat

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"
USERS = "/api/v1/users/"


def share(user: Client, chat_id: str) -> dict[str, Any]:
    answer = user.post(f"{CHATS}{chat_id}/share")
    assert answer.status == 200, answer
    return dict(answer.json)


def is_dead(user: Client, share_id: str) -> bool:
    """Return whether a link returns nothing, reveals no names, and looks like an unknown one."""
    answers = (
        user.get(f"{CHATS}share/{share_id}"),
        user.post(f"{CHATS}{share_id}/clone/shared"),
        user.get(f"{USERS}shared-{share_id}"),
    )
    return [(one.status, one.json) for one in answers] == [(404, {"detail": NOT_FOUND})] * 3


def tell_all(ann: Client, chat_id: str = "") -> dict[str, Any]:
    """Return a document with everything that clients write about its owner."""
    upload = {"id": "f", "user_id": ann.account["id"], "name": "diary.txt"}
    said = {
        "id": "q",
        "parentId": None,
        "childrenIds": [],
        "role": "user",
        "content": "Hi",
        "files": [upload],
        "sources": [{"metadata": [{"created_by": ann.account["id"], "chat": chat_id}]}],
    }
    return document(
        id=chat_id,
        system="Obey",
        params={"system": "Obey", "temperature": 1},
        files=[upload],
        tags=["secret"],
        originalChatId=chat_id,
        history={"messages": {"q": said}, "currentId": "q"},
        messages=[said],
    )


def test_share_is_snapshot_of_chat(ann: Client, bob: Client) -> None:
    chat = new_chat(ann)
    shared = share(ann, chat["id"])

    assert list(shared) == list(chat)
    assert UUID(shared["id"]).version == 4 and shared["id"] != chat["id"]
    assert (shared["title"], shared["chat"]) == (chat["title"], chat["chat"])
    assert shared["created_at"] == chat["created_at"]
    assert ann.get(CHATS + chat["id"]).json["share_id"] == shared["id"]
    for user in (ann, bob):
        assert user.get(f"{CHATS}share/{shared['id']}").json == shared

    ann.post(CHATS + chat["id"], {"chat": {"title": "Later", "more": 1}})
    assert bob.get(f"{CHATS}share/{shared['id']}").json == shared


def test_sharing_again_refreshes_snapshot(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    first = share(ann, chat_id)
    ann.post(CHATS + chat_id, {"chat": {"title": "Later"}})

    second = share(ann, chat_id)

    assert (second["id"], second["title"]) == (first["id"], "Later")
    assert bob.get(f"{CHATS}share/{first['id']}").json == second


def test_sharing_keeps_updated_at(app: InProcessApp, ann: Client) -> None:
    chat = new_chat(ann)
    app.run(app.portico.database.execute, "UPDATE chats_chat SET updated_at = 5")

    share(ann, chat["id"])

    assert ann.get(CHATS + chat["id"]).json["updated_at"] == 5


@pytest.mark.case("AB-50")
def test_share_contains_no_private_data(app: InProcessApp, ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    assert ann.post(CHATS + chat_id, {"chat": tell_all(ann, chat_id)}).status == 200
    sql = """UPDATE chats_chat SET pinned = TRUE, folder_id = 'f', meta = '{"tags":["secret"]}'"""
    app.run(app.portico.database.execute, sql)

    shared = share(ann, chat_id)

    for answer in (
        bob.get(f"{CHATS}share/{shared['id']}"),
        bob.post(f"{CHATS}{shared['id']}/clone/shared"),
        bob.get(f"{USERS}shared-{shared['id']}"),
    ):
        assert answer.status == 200
        for secret in (chat_id, ann.account["id"], "diary", "Obey", "secret", "files", "ann@"):
            assert secret not in answer.body.decode()
    seen = bob.get(f"{CHATS}share/{shared['id']}").json
    assert (seen["meta"], seen["pinned"], seen["folder_id"]) == ({}, False, None)
    assert (seen["share_id"], seen["archived"]) == (None, False)
    assert seen["user_id"] == f"shared-{shared['id']}"
    assert seen["chat"]["params"] == {"temperature": 1}
    assert seen["chat"]["history"]["messages"]["q"]["content"] == "Hi"
    assert seen["chat"]["messages"][0]["content"] == "Hi"


@pytest.mark.case("AB-50")
def test_author_of_share_has_only_name_and_picture(ann: Client, bob: Client, admin: Client) -> None:
    ann.post(f"{USERS}user/status/update", {"status_emoji": "x", "status_message": "busy"})
    shared = share(ann, new_chat(ann)["id"])
    alias = f"shared-{shared['id']}"
    plain = bob.get(USERS + ann.account["id"]).json

    for user in (bob, admin, ann):
        author = user.get(USERS + alias).json
        assert list(author) == list(plain)
        assert (author["id"], author["name"]) == (alias, "Ann")
        assert author["profile_image_url"] == plain["profile_image_url"]
        assert (author["email"], author["is_active"]) == ("", False)
        assert author["status_emoji"] is author["status_message"] is author["bio"] is None
    assert bob.get(f"{USERS}{alias}/profile/image").status == 200
    assert bob.get(f"{USERS}shared-{'0' * 8}").status == 404
    assert bob.get(f"{USERS}shared-%00/profile/image").status == 404


@pytest.mark.case("AB-51")
def test_unshared_link_is_dead_and_next_share_has_new_id(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    first = share(ann, chat_id)["id"]

    assert ann.delete(f"{CHATS}{chat_id}/share").json is True
    assert is_dead(bob, first) and is_dead(ann, first)
    assert ann.get(CHATS + chat_id).json["share_id"] is None
    assert ann.delete(f"{CHATS}{chat_id}/share").json is False

    second = share(ann, chat_id)["id"]
    assert second != first
    assert is_dead(bob, first) and not is_dead(bob, second)


@pytest.mark.case("AB-51")
def test_chat_deletion_ends_share(app: InProcessApp, ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    share_id = share(ann, chat_id)["id"]

    ann.delete(CHATS + chat_id)

    assert is_dead(bob, share_id)
    assert app.run(app.portico.database.rows, "SELECT id FROM chats_share") == []


@pytest.mark.case("AB-51")
def test_account_deletion_ends_shares(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    share_id = share(ann, new_chat(ann)["id"])["id"]

    assert admin.delete(USERS + ann.account["id"]).status == 200

    assert is_dead(bob, share_id)
    assert app.run(app.portico.database.rows, "SELECT id FROM chats_share") == []


@pytest.mark.case("AB-51")
def test_share_requires_reference_from_chat(app: InProcessApp, ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    first = share(ann, chat_id)["id"]
    app.run(app.portico.database.execute, "UPDATE chats_chat SET share_id = NULL")

    assert is_dead(bob, first)
    assert share(ann, chat_id)["id"] != first
    assert is_dead(bob, first)


@pytest.mark.case("AB-48")
def test_only_owner_shares_and_unshares(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    share_id = share(ann, chat_id)["id"]
    before = ann.get(CHATS + chat_id).json

    for user in (bob, admin):
        for target in (chat_id, share_id, "absent", "%00", "%F0%9F%A6%9C"):
            # An administrator may only read it while ENABLE_ADMIN_CHAT_ACCESS is on.
            is_known = user is admin and target == chat_id
            for answer in (
                user.post(f"{CHATS}{target}/share"),
                user.delete(f"{CHATS}{target}/share"),
            ):
                assert answer.status == (403 if is_known else 404)
                assert is_known or answer.detail == NOT_FOUND
    for target in (chat_id, "absent", "%00", "%F0%9F%A6%9C"):
        assert bob.get(f"{CHATS}share/{target}").status == 404
    assert ann.get(f"{CHATS}share/{chat_id}").status == 404
    assert ann.get(CHATS + chat_id).json == before
    assert not is_dead(bob, share_id)


class TestWithoutPermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_CHAT_SHARE": "false"}

    def test_sharing_requires_permission_and_unsharing_does_not(
        self, ann: Client, admin: Client
    ) -> None:
        chat_id = new_chat(ann)["id"]

        assert ann.post(f"{CHATS}{chat_id}/share").status == 403
        assert ann.delete(f"{CHATS}{chat_id}/share").json is False
        assert ann.get(CHATS + chat_id).json["share_id"] is None
        share(admin, new_chat(admin)["id"])


class TestWithALine:
    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Any) -> dict[str, str]:
        (tmp_path / "ours.csv").write_text("p, chat, read, role:admin, allow\n")
        return env | {"PORTICO_ACCESS_POLICY_DIR": str(tmp_path)}

    @pytest.mark.case("AB-52")
    def test_readers_of_other_chats_open_them_by_chat_id(
        self, ann: Client, bob: Client, admin: Client
    ) -> None:
        chat = new_chat(ann)

        assert admin.get(f"{CHATS}share/{chat['id']}").json == chat
        assert bob.get(f"{CHATS}share/{chat['id']}").status == 404
        assert admin.post(f"{CHATS}{chat['id']}/share").status == 403
        copy = admin.post(f"{CHATS}{chat['id']}/clone/shared").json
        assert (copy["title"], copy["user_id"]) == ("Clone of Trip ideas", admin.account["id"])
        assert admin.post(f"{CHATS}{chat['id']}/clone", {}).status == 404


def test_share_changes_are_published(app: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    events: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, events.append)])

    share(ann, chat_id)
    ann.delete(f"{CHATS}{chat_id}/share")
    ann.delete(f"{CHATS}{chat_id}/share")

    assert events == [ChatChanged(chat_id, ann.account["id"], "updated")] * 2


def test_unreadable_document_is_not_shared(app: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    sql = "UPDATE chats_chat SET chat = $1, messages_at = NULL, branch_at = NULL"
    app.run(app.portico.database.execute, sql, json.dumps({"history": 5}))

    assert ann.post(f"{CHATS}{chat_id}/share").status == 400
    assert ann.get(CHATS + chat_id).json["share_id"] is None
    assert ann.post(f"{CHATS}{chat_id}/clone", {}).status == 400
