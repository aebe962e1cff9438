"""Pinning, archiving and moving chats into folders, over HTTP."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.chats.conftest import document, fill, new_chat, new_folder, share, stored, table

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The current time in epoch seconds."""
    time = [1000]
    for module in ("service", "flags.service", "access"):
        monkeypatch.setattr(f"portico_chats.{module}.now", lambda: time[0])
    return time


@pytest.fixture
def events(app: InProcessApp) -> list[ChatChanged]:
    """The chat events that are published from now on."""
    events: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, events.append)])
    return events


def test_pin_toggles_and_changes_time(ann: Client, clock: list[int]) -> None:
    chat = new_chat(ann)
    assert ann.get(f"{CHATS}{chat['id']}/pinned").json is False
    clock[0] = 2000

    pinned = ann.post(f"{CHATS}{chat['id']}/pin").json

    assert pinned == chat | {"pinned": True, "updated_at": 2000}
    assert ann.get(f"{CHATS}{chat['id']}/pinned").json is True
    assert [one["id"] for one in ann.get(CHATS + "pinned").json] == [chat["id"]]
    assert ann.get(CHATS).json == []
    assert ann.post(f"{CHATS}{chat['id']}/pin").json["pinned"] is False
    assert ann.get(CHATS + "pinned").json == []
    assert len(ann.get(CHATS).json) == 1


def test_flags_do_not_change_document(app: InProcessApp, ann: Client) -> None:
    chat = new_chat(ann)
    for path in ("pin", "archive", "tags"):
        ann.post(f"{CHATS}{chat['id']}/{path}", {"name": "x"})
    kept = stored(app, chat["id"])
    assert kept["revision"] == 1
    assert ann.get(CHATS + chat["id"]).json["chat"] == document()


def test_archived_chat_is_only_in_archived_list(ann: Client, clock: list[int]) -> None:
    folder = new_folder(ann)
    chat = new_chat(ann)
    ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": folder})
    clock[0] = 2000

    archived = ann.post(f"{CHATS}{chat['id']}/archive").json

    assert archived == chat | {"archived": True}  # in no folder, and not changed
    assert ann.get(CHATS + "?include_folders=1").json == []
    assert ann.get(f"{CHATS}folder/{folder}").json == []
    assert [one["id"] for one in ann.get(CHATS + "archived").json] == [chat["id"]]
    assert ann.post(f"{CHATS}{chat['id']}/archive").json == chat
    assert ann.get(CHATS + "archived").json == []
    assert [one["id"] for one in ann.get(CHATS).json] == [chat["id"]]


@pytest.mark.case("AB-51")
def test_archiving_ends_share(app: InProcessApp, ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    share(app, one)
    share(app, other)

    assert ann.post(f"{CHATS}{one}/archive").json["share_id"] is None
    assert [row["chat_id"] for row in table(app, "chats_share")] == [other]
    assert ann.post(f"{CHATS}{one}/archive").json["share_id"] is None
    assert ann.post(CHATS + "archive/all").json is True
    assert table(app, "chats_share") == []
    assert ann.get(CHATS + other).json["share_id"] is None


@pytest.mark.both_databases
def test_archive_all_and_unarchive_all_keep_folders(
    app: InProcessApp, ann: Client, bob: Client, events: list[ChatChanged], clock: list[int]
) -> None:
    folder = new_folder(ann)
    chats = [new_chat(ann, title=str(n)) for n in range(3)]
    theirs = new_chat(bob)
    filed = ann.post(f"{CHATS}{chats[0]['id']}/folder", {"folder_id": folder}).json
    ann.post(f"{CHATS}{chats[1]['id']}/archive")
    events.clear()
    clock[0] = 2000

    assert ann.post(CHATS + "archive/all").json is True

    assert ann.get(CHATS + "?include_folders=1").json == []
    assert len(ann.get(CHATS + "archived").json) == 3
    kept = ann.get(CHATS + filed["id"]).json
    assert kept == filed | {"archived": True}  # folder and time stay
    assert {(event.id, event.user_id, event.change) for event in events} == {
        (chats[n]["id"], ann.account["id"], "updated") for n in (0, 2)
    }
    assert bob.get(CHATS + theirs["id"]).json == theirs
    bob.post(f"{CHATS}{theirs['id']}/archive")

    assert ann.post(CHATS + "unarchive/all").json is True

    assert ann.get(CHATS + "archived").json == []
    assert len(ann.get(CHATS + "?include_folders=1").json) == 3
    assert bob.get(CHATS + theirs["id"]).json["archived"] is True


def test_archive_all_handles_more_chats_than_one_statement(app: InProcessApp, ann: Client) -> None:
    fill(app, ann, 1201)
    assert ann.post(CHATS + "archive/all").json is True
    assert {row["archived"] for row in table(app, "chats_chat")} == {True}
    assert ann.post(CHATS + "unarchive/all").json is True
    assert {row["archived"] for row in table(app, "chats_chat")} == {False}


def test_move_to_folder_unpins_chat(ann: Client, clock: list[int]) -> None:
    folder = new_folder(ann)
    chat = new_chat(ann)
    ann.post(f"{CHATS}{chat['id']}/pin")
    clock[0] = 2000

    filed = ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": folder}).json

    assert filed == chat | {"folder_id": folder, "pinned": False, "updated_at": 2000}
    assert ann.get(CHATS).json == ann.get(CHATS + "pinned").json == []
    for body in ({"folder_id": None}, {}, {"folder_id": ""}):
        ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": folder})
        assert ann.post(f"{CHATS}{chat['id']}/folder", body).json["folder_id"] is None


@pytest.mark.case("AB-55")
def test_move_to_foreign_folder_is_refused(app: InProcessApp, ann: Client, bob: Client) -> None:
    theirs, gone = new_folder(bob), new_folder(ann)
    assert ann.delete(f"/api/v1/folders/{gone}").json is True
    chat = new_chat(ann)
    ann.post(f"{CHATS}{chat['id']}/pin")
    before = stored(app, chat["id"])

    for folder in (theirs, gone, NOWHERE, "x", "a\x00b", "🦜", "x" * 100_000):
        answer = ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": folder})
        assert (answer.status, answer.detail) == (404, NOT_FOUND)
        assert ann.post(CHATS + "new", {"chat": {}, "folder_id": folder}).status == 404
    for wrong in (5, [], {}, True):
        assert ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": wrong}).status == 422

    assert stored(app, chat["id"]) == before
    assert bob.get(f"{CHATS}folder/{theirs}").json == []


class TestWithoutFolders:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,chats"}

    @pytest.mark.case("D-CHAT-5")
    def test_move_without_folders_plugin_is_refused(self, ann: Client) -> None:
        chat = new_chat(ann)
        for answer in (
            ann.post(f"{CHATS}{chat['id']}/folder", {"folder_id": NOWHERE}),
            ann.get(f"{CHATS}folder/{NOWHERE}"),
            ann.get(f"{CHATS}folder/{NOWHERE}/list"),
        ):
            assert (answer.status, answer.detail) == (404, NOT_FOUND)
        assert ann.post(f"{CHATS}{chat['id']}/folder", {}).json["folder_id"] is None


def test_flag_changes_are_published_after_commit(ann: Client, events: list[ChatChanged]) -> None:
    folder, chat_id = new_folder(ann), new_chat(ann)["id"]
    events.clear()
    for path, body in (("pin", None), ("archive", None), ("folder", {"folder_id": folder})):
        ann.post(f"{CHATS}{chat_id}/{path}", body)
    ann.post(f"{CHATS}{chat_id}/folder", {"folder_id": NOWHERE})
    assert events == [ChatChanged(chat_id, ann.account["id"], "updated")] * 3


@pytest.mark.both_databases
@pytest.mark.case("AB-55")
def test_no_chat_stays_in_concurrently_deleted_folder(
    app: InProcessApp, env: dict[str, str], ann: Client
) -> None:
    another = InProcessApp(env)
    there = another.client.sign_in("Ann")
    try:
        for n in range(12):
            chat_id = new_chat(ann)["id"]
            folder_id = ann.post("/api/v1/folders/", {"name": f"f{n}"}).json["id"]
            with ThreadPoolExecutor(2) as pool:
                filing = pool.submit(ann.post, f"{CHATS}{chat_id}/folder", {"folder_id": folder_id})
                path = f"/api/v1/folders/{folder_id}?delete_contents=false"
                deleting = pool.submit(there.delete, path)
            assert deleting.result().status == 200
            assert filing.result().status in (200, 404)
            assert ann.get(CHATS + chat_id).json["folder_id"] is None
    finally:
        another.close()
