"""Deletion of chats: one, all, with their folder or their owner; nothing of them stays."""

from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED
from tests.plugins.chats.conftest import fill, new_chat, new_folder, share, table

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp
from portico_chats.storage import chat_queries

CHATS = "/api/v1/chats/"
TABLES = ("chats_chat", "chats_message", "chats_share", "chats_tag", "chats_chat_tag")


def everything(app: InProcessApp) -> dict[str, list[dict[str, Any]]]:
    """Return all stored rows of chats, without the ones that the index has yet to remove."""
    # The index changes in the background; texts that are to be removed count as deleted.
    events = ("owner_id", "chat_id", "part", "text")
    texts = [
        {key: row[key] for key in events} for row in table(app, "chats_text") if row["state"] != 2
    ]
    return {name: table(app, name) for name in TABLES} | {"chats_text": texts}


def full(user: Client, app: InProcessApp, folder_id: str | None = None) -> str:
    """Return the id of a chat with everything a chat can have."""
    chat_id = str(new_chat(user)["id"])
    user.post(f"{CHATS}{chat_id}/tags", {"name": "Work"})
    if folder_id is not None:
        user.post(f"{CHATS}{chat_id}/folder", {"folder_id": folder_id})
    share(app, chat_id)
    return chat_id


@pytest.fixture
def events(app: InProcessApp) -> list[ChatChanged]:
    events: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, events.append)])
    return events


@pytest.mark.case("AB-51")
def test_delete_removes_share_tags_and_texts(app: InProcessApp, ann: Client, bob: Client) -> None:
    full(bob, app)
    before = everything(app)
    chat_id = full(ann, app)
    assert ann.delete(CHATS + chat_id).json is True
    assert everything(app) == before


def test_delete_all_deletes_only_own_chats(
    app: InProcessApp, ann: Client, bob: Client, events: list[ChatChanged]
) -> None:
    full(bob, app)
    before = everything(app)
    ids = {full(ann, app), full(ann, app, new_folder(ann))}
    ann.post(f"{CHATS}{max(ids)}/archive")
    events.clear()

    assert ann.delete(CHATS).json is True

    assert everything(app) == before
    assert {(event.id, event.user_id, event.change) for event in events} == {
        (one, ann.account["id"], "deleted") for one in ids
    }
    assert len(events) == 2
    assert ann.delete("/api/v1/chats").json is True  # there is nothing left


def test_delete_all_reads_no_documents(
    app: InProcessApp, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, ann, 1201)
    monkeypatch.setattr(chat_queries, "find", None)
    monkeypatch.setattr(chat_queries, "find_full", None)
    assert ann.delete(CHATS).json is True
    assert not any(everything(app).values())


def test_account_deletion_deletes_all_chat_rows(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    full(bob, app)
    before = everything(app)
    full(ann, app)
    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200
    assert everything(app) == before
    owners = {row["user_id"] for row in table(app, "chats_tag_owner")}
    assert owners == {bob.account["id"]}


@pytest.mark.case("AB-51")
def test_folder_deletion_deletes_chats_of_subtree(
    app: InProcessApp, ann: Client, bob: Client, events: list[ChatChanged]
) -> None:
    top = new_folder(ann, "Top")
    low = new_folder(ann, "Low", inside=top)
    full(ann, app)
    full(bob, app, new_folder(bob, "Top"))
    before = everything(app)
    ids = {full(ann, app, top), full(ann, app, low)}
    events.clear()

    assert ann.delete(f"/api/v1/folders/{top}").json is True

    assert everything(app) == before
    assert {(event.id, event.change) for event in events} == {(one, "deleted") for one in ids}


@pytest.mark.parametrize("hide", ["archive/all", "{}/archive", "{}/pin"])
@pytest.mark.parametrize("below", [False, True])
def test_folder_deletion_keeps_hidden_chats(
    hide: str, below: bool, app: InProcessApp, ann: Client, events: list[ChatChanged]
) -> None:
    top = new_folder(ann, "Top")
    folder = new_folder(ann, "Low", inside=top) if below else top
    kept = full(ann, app, folder)
    ann.post(CHATS + hide.format(kept))
    ann.post(f"{CHATS}{kept}/tags", {"name": "Later"})
    if hide == "{}/archive":  # it is in no folder until it is moved to one
        ann.post(f"{CHATS}{kept}/folder", {"folder_id": folder})
    before = ann.get(CHATS + kept).json
    assert before["folder_id"] == folder
    assert ann.get(f"{CHATS}folder/{top}").json == []
    listed = full(ann, app, folder)
    events.clear()

    assert ann.delete(f"/api/v1/folders/{top}").json is True

    assert ann.get(CHATS + kept).json == before | {"folder_id": None}
    assert ann.get(CHATS + listed).status == 404
    assert {(event.id, event.change) for event in events} == {
        (kept, "updated"),
        (listed, "deleted"),
    }


@pytest.mark.parametrize("back", ["{}/archive", "unarchive/all"])
def test_archived_chat_moved_to_folder_reappears_in_lists(back: str, ann: Client) -> None:
    chat_id, folder = new_chat(ann)["id"], new_folder(ann)
    ann.post(f"{CHATS}{chat_id}/archive")
    moved = ann.post(f"{CHATS}{chat_id}/folder", {"folder_id": folder}).json
    assert (moved["folder_id"], moved["archived"]) == (folder, True)

    assert ann.delete(f"/api/v1/folders/{folder}").json is True
    assert [one["id"] for one in ann.get(CHATS + "archived").json] == [chat_id]
    ann.post(CHATS + back.format(chat_id))

    assert [one["id"] for one in ann.get(CHATS).json] == [chat_id]


def test_kept_chats_of_deleted_folder_have_no_folder(
    app: InProcessApp, ann: Client, events: list[ChatChanged]
) -> None:
    top = new_folder(ann, "Top")
    low = new_folder(ann, "Low", inside=top)
    ids = {full(ann, app, top), full(ann, app, low)}
    before = {one: ann.get(CHATS + one).json for one in ids}
    events.clear()

    assert ann.delete(f"/api/v1/folders/{top}?delete_contents=false").json is True

    assert {one: ann.get(CHATS + one).json for one in ids} == {
        one: chat | {"folder_id": None} for one, chat in before.items()
    }
    assert {(event.id, event.change) for event in events} == {(one, "updated") for one in ids}
    assert len(ann.get(CHATS).json) == 2


def test_folder_with_many_chats_is_deleted_in_one_request(app: InProcessApp, ann: Client) -> None:
    top = new_folder(ann, "Top")
    fill(app, ann, 1201, top)
    assert ann.delete(f"/api/v1/folders/{top}").json is True
    assert not any(everything(app).values())


class TestWithoutPermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_CHAT_DELETE": "false"}

    @pytest.mark.case("D-CHAT-11")
    def test_folder_with_chats_stays_and_empty_one_is_deleted(
        self, app: InProcessApp, ann: Client
    ) -> None:
        top = new_folder(ann, "Top")
        low = new_folder(ann, "Low", inside=top)
        full(ann, app, low)
        before = everything(app) | {"folders": table(app, "folders_folder")}

        answer = ann.delete(f"/api/v1/folders/{top}")

        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
        assert everything(app) | {"folders": table(app, "folders_folder")} == before
        assert ann.delete(f"/api/v1/folders/{new_folder(ann, 'Empty')}").json is True
        assert ann.delete(f"/api/v1/folders/{top}?delete_contents=false").json is True
        assert len(ann.get(CHATS).json) == 1

    def test_folder_with_only_archived_chats_is_deleted(
        self, app: InProcessApp, ann: Client
    ) -> None:
        folder = new_folder(ann)
        full(ann, app, folder)
        ann.post(CHATS + "archive/all")

        assert ann.delete(f"/api/v1/folders/{folder}").json is True
        assert len(ann.get(CHATS + "archived").json) == 1

    def test_only_administrators_delete_all(
        self, app: InProcessApp, ann: Client, admin: Client
    ) -> None:
        full(ann, app)
        before = everything(app)
        answer = ann.delete(CHATS)
        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
        full(admin, app)
        assert admin.delete(CHATS).json is True
        assert everything(app) == before
