"""Chats over HTTP: storage, access and validation."""

import json
from typing import Any
from uuid import UUID

import pytest
from tests.error_details import NOT_FOUND
from tests.one_database import on_sqlite
from tests.plugins.chats.conftest import document, new_chat, stored

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"


def test_create_returns_whole_chat(ann: Client) -> None:
    chat = new_chat(ann)

    assert list(chat) == [
        "id", "user_id", "title", "chat", "updated_at", "created_at",
        "share_id", "archived", "pinned", "meta", "folder_id",
    ]  # fmt: skip
    assert UUID(chat["id"]).version == 4
    assert chat["user_id"] == ann.account["id"]
    assert (chat["title"], chat["chat"]) == ("Trip ideas", document())
    assert (chat["share_id"], chat["archived"], chat["pinned"]) == (None, False, False)
    assert (chat["meta"], chat["folder_id"]) == ({}, None)
    assert ann.get(CHATS + chat["id"]).json == chat


def test_document_keeps_its_bytes_below_top_level(ann: Client) -> None:
    parts = '"a":{"x":  1.50,"é":"\\u00e9 \\ud83e\\udd9c \\\\u0000"},"b":[1 ,2E5],"history":{"messages":{}}'

    answer = ann.post(CHATS + "new", body=f'{{"chat": {{{parts}}}}}'.encode())

    assert answer.status == 200
    assert f'"chat":{{{parts}}}'.encode() in answer.body
    assert f'"chat":{{{parts}}}'.encode() in ann.get(CHATS + answer.json["id"]).body


def test_chat_without_title_is_called_new_chat(ann: Client) -> None:
    chat = ann.post(CHATS + "new", {"chat": {}}).json

    assert (chat["title"], chat["chat"]) == ("New Chat", {})


@pytest.mark.case("AB-56")
def test_owner_fields_of_client_are_ignored(ann: Client, bob: Client) -> None:
    theirs = new_chat(bob)
    body = {
        "chat": document(id=theirs["id"]), "id": theirs["id"], "user_id": bob.account["id"], "share_id": "x",
        "created_at": 1, "updated_at": 1, "archived": True, "pinned": True, "meta": {"tags": ["x"]},
    }  # fmt: skip

    mine = ann.post(CHATS + "new", body).json
    changed = ann.post(CHATS + mine["id"], body).json

    for chat in (mine, changed):
        assert chat["id"] != theirs["id"]
        assert chat["user_id"] == ann.account["id"]
        assert (chat["share_id"], chat["archived"], chat["pinned"]) == (None, False, False)
        assert chat["created_at"] > 1
        assert chat["meta"] == {}
    assert bob.get(CHATS + theirs["id"]).json == theirs


def test_update_replaces_top_level_keys_and_keeps_others(ann: Client) -> None:
    chat = new_chat(ann)

    changed = ann.post(CHATS + chat["id"], {"chat": {"models": ["n"], "files": [1]}}).json

    assert changed["chat"] == document(models=["n"], files=[1])
    assert changed["title"] == "Trip ideas"
    renamed = ann.post(CHATS + chat["id"], {"chat": {"title": "Other"}, "folder_id": "x"}).json
    assert (renamed["title"], renamed["folder_id"]) == ("Other", None)
    assert renamed["chat"] == document(models=["n"], files=[1], title="Other")
    assert ann.get(CHATS + chat["id"]).json == renamed


@pytest.mark.case("AB-48")
def test_foreign_and_unknown_chats_get_same_response(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    before = stored(app, chat_id)

    for target in (
        chat_id,
        "00000000-0000-4000-8000-000000000000",
        "absent",
        "%00",
        "%F0%9F%A6%9C",
    ):
        for answer in (
            bob.get(CHATS + target),
            bob.post(CHATS + target, {"chat": {"title": "Mine"}}),
            bob.delete(CHATS + target),
        ):
            assert (answer.status, answer.detail) == (404, NOT_FOUND)

    assert stored(app, chat_id) == before


@pytest.mark.case("AB-49")
def test_delete_succeeds_only_for_own_chats(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]

    assert bob.delete(CHATS + chat_id).status == 404
    assert ann.delete(CHATS + chat_id).json is True
    assert ann.delete(CHATS + chat_id).status == 404
    assert ann.get(CHATS + chat_id).status == 404


@on_sqlite
@pytest.mark.parametrize(
    ("chat", "loc"),
    [
        (5, []), ([], []), (None, []), ("x", []),
        ({"title": {}}, ["title"]), ({"title": None}, ["title"]), ({"title": 5}, ["title"]),
        ({"history": 5}, ["history"]), ({"history": []}, ["history"]),
        ({"history": {"messages": []}}, ["history", "messages"]),
        ({"history": {"messages": {"a": 5}}}, ["history", "messages", "..."]),
        ({"history": {"currentId": 5}}, ["history", "currentId"]),
        ({"messages": {}}, ["messages"]), ({"messages": [1]}, ["messages", "0"]),
    ],
)  # fmt: skip
@pytest.mark.case("AB-58")
def test_invalid_document_is_422_with_location(ann: Client, chat: Any, loc: list[str]) -> None:
    kept = new_chat(ann)

    for path in ("new", kept["id"]):
        answer = ann.post(CHATS + path, {"chat": chat})
        assert answer.status == 422
        assert answer.detail[0]["loc"] == ["body", "chat", *loc]
    assert ann.get(CHATS + kept["id"]).json == kept
    assert len(ann.get(CHATS).json) == 1


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"chat":',
        b'{"chat":{"a":NaN}}',
        b'{"chat":{"a":Infinity}}',
        b'{"chat":{"a":"\xff"}}',
        b"[]",
    ],
)
@pytest.mark.case("AB-69")
def test_invalid_json_is_422(ann: Client, body: bytes) -> None:
    assert ann.post(CHATS + "new", body=body).status == 422


@pytest.mark.case("AB-69")
def test_duplicate_key_is_checked_and_stored_consistently(
    ann: Client,
) -> None:
    answer = ann.post(CHATS + "new", body=b'{"chat":{"title":"one","x":1,"title":"two"}}')

    assert answer.json["title"] == "two"
    assert answer.body.count(b'"title":"two"') == 2
    assert b"one" not in answer.body


@pytest.mark.case("AB-58")
def test_nul_is_removed_and_long_title_is_cut_in_list(ann: Client) -> None:
    chat = new_chat(ann, title="a\x00b" + "x" * 100_000, note={"c\x00": "d\x00"})

    assert chat["title"] == "ab" + "x" * 998
    assert chat["chat"]["title"] == "ab" + "x" * 100_000
    assert chat["chat"]["note"] == {"c": "d"}
    assert ann.get(CHATS).json[0]["title"] == chat["title"]


@pytest.mark.case("AB-55")
def test_unknown_folder_is_refused(ann: Client) -> None:
    answer = ann.post(CHATS + "new", {"chat": document(), "folder_id": "foreign"})

    assert answer.status == 404
    assert ann.get(CHATS).json == []


def test_list_contains_own_chats_last_changed_first(
    app: InProcessApp, ann: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000]
    for module in ("service", "access"):
        monkeypatch.setattr(f"portico_chats.{module}.now", lambda: clock[0])
    chats = []
    for title in ("one", "two", "three"):
        chats.append(new_chat(ann, title=title))
        clock[0] += 10
    new_chat(bob)
    ann.post(CHATS + chats[0]["id"], {"chat": {"title": "one again"}})

    for path in (CHATS, CHATS + "list", "/api/v1/chats"):
        listed = ann.get(path)
        assert [item["title"] for item in listed.json] == ["one again", "three", "two"]
    assert list(listed.json[0]) == ["id", "title", "updated_at", "created_at"]
    assert (listed.json[0]["updated_at"], listed.json[0]["created_at"]) == (1030, 1000)


@pytest.mark.both_databases
def test_list_includes_pinned_and_folder_chats_on_request(app: InProcessApp, ann: Client) -> None:
    for column, value in (("archived", "TRUE"), ("pinned", "TRUE"), ("folder_id", "'f'")):
        chat_id = new_chat(ann, title=column)["id"]
        sql = f"UPDATE chats_chat SET {column} = {value} WHERE id = $1"
        app.run(app.portico.database.execute, sql, chat_id)
    new_chat(ann, title="plain")

    def titles(query: str) -> set[str]:
        return {item["title"] for item in ann.get(f"{CHATS}?{query}").json}

    assert titles("") == {"plain"}
    assert titles("include_pinned=true") == {"plain", "pinned"}
    assert titles("include_folders=1&page=1") == {"plain", "folder_id"}
    assert titles("include_pinned=yes&include_folders=on") == {"plain", "pinned", "folder_id"}


def test_list_pages_have_60_chats_without_overlap(ann: Client) -> None:
    for number in range(63):
        new_chat(ann, title=str(number))

    pages = [ann.get(f"{CHATS}?page={page}").json for page in (1, 2, 3)]

    assert [len(page) for page in pages] == [60, 3, 0]
    assert len({item["id"] for page in pages for item in page}) == 63
    assert len(ann.get(CHATS).json) == 63
    assert ann.get(f"{CHATS}?page=0").json == ann.get(f"{CHATS}?page=-5").json == pages[0]
    assert ann.get(f"{CHATS}?page=100000000000000000000").json == []


@pytest.mark.parametrize(
    "query", ["page=abc", "page=1e20", "include_pinned=maybe", "include_folders=2"]
)
@pytest.mark.case("AB-42")
def test_invalid_query_parameters_are_422(ann: Client, query: str) -> None:
    assert ann.get(f"{CHATS}?{query}").status == 422


def test_every_route_requires_sign_in(client: Client) -> None:
    for answer in (
        client.get(CHATS),
        client.post(CHATS + "new", {"chat": {}}),
        client.get(CHATS + "x"),
        client.post(CHATS + "x", {"chat": {}}),
        client.delete(CHATS + "x"),
    ):
        assert answer.status == 401


class TestWithoutPermissions:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "USER_PERMISSIONS_CHAT_DELETE": "false",
            "USER_PERMISSIONS_CHAT_TEMPORARY_ENFORCED": "true",
        }

    def test_only_administrators_delete_and_create_chats(self, ann: Client, admin: Client) -> None:
        refused = ann.post(CHATS + "new", {"chat": {}})
        assert (refused.status, refused.detail[:27]) == (403, "You do not have permission ")
        assert ann.delete(CHATS + "x").status == 403
        chat_id = new_chat(admin)["id"]
        assert admin.delete(CHATS + chat_id).json is True


def test_changes_are_published_after_commit(app: InProcessApp, ann: Client) -> None:
    events: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, events.append)])

    chat_id = new_chat(ann)["id"]
    ann.post(CHATS + chat_id, {"chat": {"title": "x"}})
    ann.post(CHATS + chat_id, {"chat": 5})
    ann.delete(CHATS + chat_id)

    me = ann.account["id"]
    assert events == [
        ChatChanged(chat_id, me, change) for change in ("created", "updated", "deleted")
    ]


def test_account_deletion_deletes_its_chats(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    gone, kept = new_chat(ann)["id"], new_chat(bob)["id"]

    async def delete() -> None:
        await app.portico.identity.accounts.delete(ann.account["id"], by=admin.account["id"])
        await app.portico.events.drain()

    app.run(delete)

    rows = app.run(app.portico.database.rows, "SELECT id FROM chats_chat")
    assert [row["id"] for row in rows] == [kept]
    assert gone != kept


def test_chat_of_a_megabyte_is_stored_and_returned(ann: Client) -> None:
    messages = {str(n): {"id": str(n), "content": "lorem ipsum " * 100} for n in range(900)}
    chat = new_chat(ann, history={"messages": messages, "currentId": "1"})

    assert len(json.dumps(chat)) > 1_000_000
    assert ann.get(CHATS + chat["id"]).json == chat


@pytest.mark.case("AB-58")
def test_lone_surrogates_are_replaced(ann: Client) -> None:
    body = rb'{"chat":{"title":"a\ud83d","history":{"messages":{"q":{"content":"\u0000b\udc00"}}}}}'

    chat = ann.post(CHATS + "new", body=body).json

    assert (chat["title"], chat["chat"]["title"]) == ("a\ufffd", "a\ufffd")
    assert chat["chat"]["history"]["messages"]["q"]["content"] == "b\ufffd"
    path = CHATS + chat["id"]
    assert ann.post(path, body=rb'{"chat":{"x":"\ud800"}}').json["chat"]["x"] == "\ufffd"
    written = ann.post(f"{path}/messages/q", body=rb'{"content":"c\udfff\u0000"}').json
    assert written["chat"]["history"]["messages"]["q"]["content"] == "c\ufffd"
