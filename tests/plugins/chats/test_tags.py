"""Tags over HTTP: spelling, tagged chats, and deletion of unused tags."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.one_database import on_sqlite
from tests.plugins.chats.conftest import document, new_chat, table

from portico.db import current_database, fetch_all, transaction
from portico.errors import InvalidRequest
from portico.testing import Client, InProcessApp
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.names import (
    MAX_TAG_CHARS,
    MAX_TAGS_PER_CHAT,
    read_name,
    tag_id,
    tags_in,
    with_tags,
)
from portico_chats.tags.service import attach

CHATS = "/api/v1/chats/"


def tag(user: Client, chat_id: str, *names: str) -> Any:
    """Add tags to a chat. Returns the last response."""
    answer = None
    for name in names:
        answer = user.post(f"{CHATS}{chat_id}/tags", {"name": name})
        assert answer.status == 200, answer
    return answer and answer.json


def all_tags(user: Client) -> dict[str, str]:
    """Return the names by id."""
    return {one["id"]: one["name"] for one in user.get(CHATS + "all/tags").json}


def carried(user: Client, chat_id: str) -> set[str]:
    """Return the tags of a chat, read in every available way."""
    ids = {one["id"] for one in user.get(f"{CHATS}{chat_id}/tags").json}
    events = user.get(CHATS + chat_id).json["meta"].get("tags", [])
    assert sorted(events) == sorted(ids)
    return ids


def test_tag_keeps_first_spelling_and_ignores_case(ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    me = ann.account["id"]

    first = tag(ann, one, "Big Trip")
    again = tag(ann, one, "big trip", "BIG_TRIP", "  big trip ")
    tag(ann, other, "BIG trip")

    spelled = {"id": "big_trip", "name": "Big Trip", "user_id": me, "meta": None}
    assert first == again == [spelled]
    assert ann.get(CHATS + "all/tags").json == [spelled]
    assert carried(ann, one) == carried(ann, other) == {"big_trip"}


def test_tags_are_per_account(ann: Client, bob: Client) -> None:
    mine, theirs = new_chat(ann)["id"], new_chat(bob)["id"]
    tag(ann, mine, "Work")
    tag(bob, theirs, "WORK")

    assert (all_tags(ann), all_tags(bob)) == ({"work": "Work"}, {"work": "WORK"})
    ann.delete(f"{CHATS}{mine}/tags", {"name": "work"})
    assert (all_tags(ann), all_tags(bob)) == ({}, {"work": "WORK"})


def test_unused_tag_is_deleted(app: InProcessApp, ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    tag(ann, one, "A", "B")
    tag(ann, other, "A")

    left = ann.delete(f"{CHATS}{one}/tags", {"name": "a"}).json
    assert [kept["id"] for kept in left] == ["b"]
    assert all_tags(ann) == {"a": "A", "b": "B"}
    assert ann.delete(f"{CHATS}{one}/tags/all").json is True
    assert carried(ann, one) == set()
    assert all_tags(ann) == {"a": "A"}
    assert ann.delete(f"{CHATS}{one}/tags", {"name": "a"}).json == []
    assert ann.delete(f"{CHATS}{one}/tags/all").json is True
    ann.delete(CHATS + other)
    assert all_tags(ann) == {}
    assert table(app, "chats_chat_tag") == []


def test_unarchived_tag_is_restored_without_spelling(ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    tag(ann, one, "Big Trip", "Work")
    tag(ann, other, "Work")

    ann.post(f"{CHATS}{one}/archive")
    assert all_tags(ann) == {"work": "Work"}
    assert carried(ann, one) == {"big_trip", "work"}  # it still does
    tag(ann, one, "Later")
    assert all_tags(ann) == {"work": "Work"}
    ann.post(f"{CHATS}{one}/archive")
    assert all_tags(ann) == {"big_trip": "big_trip", "later": "later", "work": "Work"}

    ann.post(CHATS + "archive/all")
    assert all_tags(ann) == {}
    ann.post(CHATS + "unarchive/all")
    assert all_tags(ann) == {"big_trip": "big_trip", "later": "later", "work": "work"}


def test_tagged_chats_are_listed_in_pages_without_archived(
    ann: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000]
    monkeypatch.setattr("portico_chats.service.now", lambda: clock[0])
    ids = []
    for n in range(5):
        clock[0] += 1
        ids.append(new_chat(ann, title=str(n))["id"])
        tag(ann, ids[-1], "Work")
    tag(bob, new_chat(bob)["id"], "Work")
    new_chat(ann)
    ann.post(f"{CHATS}{ids[1]}/archive")

    def titles(**form: Any) -> list[str]:
        answer = ann.post(CHATS + "tags", {"name": "WORK", **form})
        assert answer.status == 200
        return [one["title"] for one in answer.json]

    assert titles() == ["4", "3", "2", "0"]
    assert list(ann.post(CHATS + "tags", {"name": "work"}).json[0]) == ["id", "title", "updated_at", "created_at"]  # fmt: skip
    assert titles(skip=1, limit=2) == ["3", "2"]
    assert titles(skip=3) == ["0"]
    assert titles(skip=2**40) == titles(limit=0) == []


@pytest.mark.case("D-CHAT-9")
def test_tag_lookup_changes_nothing(app: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    tag(ann, chat_id, "Work")
    ann.post(f"{CHATS}{chat_id}/archive")
    before = [table(app, name) for name in ("chats_tag", "chats_chat_tag", "chats_chat")]

    for name in ("work", "other", "", "none", "x" * 10_000, "\x00", "%", "🦜"):
        assert ann.post(CHATS + "tags", {"name": name}).json == []

    assert [table(app, name) for name in ("chats_tag", "chats_chat_tag", "chats_chat")] == before


@on_sqlite
@pytest.mark.parametrize("form", [
    {}, {"name": None}, {"name": 5}, {"name": []}, [], None, {"name": "x", "skip": -1}, {"name": "x", "limit": -1},
    {"name": "x", "limit": 1001}, {"name": "x", "skip": 10**30}, {"name": "x", "skip": "x"},
])  # fmt: skip
@pytest.mark.case("AB-58")
def test_invalid_tag_form_is_422(ann: Client, form: Any) -> None:
    assert ann.post(CHATS + "tags", form).status == 422
    chat_id = new_chat(ann)["id"]
    if not isinstance(form, dict) or not isinstance(form.get("name"), str):
        assert ann.post(f"{CHATS}{chat_id}/tags", form).status == 422
        assert ann.delete(f"{CHATS}{chat_id}/tags", form).status == 422


@pytest.mark.parametrize("name", ["none", "None", " NONE ", "no\x00ne"])
def test_tag_none_is_refused(ann: Client, name: str) -> None:
    answer = ann.post(f"{CHATS}{new_chat(ann)['id']}/tags", {"name": name})
    assert (answer.status, answer.detail) == (400, "[ERROR: Tag name cannot be 'None']")
    assert all_tags(ann) == {}


@pytest.mark.parametrize(
    "name", ["", "   ", "\x00", "x" * (MAX_TAG_CHARS + 1), "İ" * MAX_TAG_CHARS]
)
def test_invalid_tag_name_is_400(app: InProcessApp, ann: Client, name: str) -> None:
    chat_id = new_chat(ann)["id"]
    answer = ann.post(f"{CHATS}{chat_id}/tags", {"name": name})
    assert answer.status == 400 and "Tag name" in answer.detail
    assert table(app, "chats_tag") == table(app, "chats_chat_tag") == []


@pytest.mark.case("AB-58")
def test_lone_surrogate_in_tag_is_ignored(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    for path, method in (
        (f"{chat_id}/tags", "POST"),
        (f"{chat_id}/tags", "DELETE"),
        ("tags", "POST"),
    ):
        answer = ann.request(method, CHATS + path, body=b'{"name":"a\\ud800"}')
        assert answer.status in (200, 400, 422)
    assert all_tags(ann) == {}


def test_chat_has_limited_number_of_tags(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    tag(ann, chat_id, *map(str, range(MAX_TAGS_PER_CHAT)))
    answer = ann.post(f"{CHATS}{chat_id}/tags", {"name": "more"})
    assert (answer.status, answer.detail) == (
        400,
        f"[ERROR: A chat has at most {MAX_TAGS_PER_CHAT} tags]",
    )
    assert len(tag(ann, chat_id, "0")) == MAX_TAGS_PER_CHAT


@pytest.mark.case("AB-56")
def test_tags_in_document_are_ignored(app: InProcessApp, ann: Client) -> None:
    chat = ann.post(
        CHATS + "new", {"chat": document(tags=["x"], meta={"tags": ["y"]}), "meta": {"tags": ["z"]}}
    ).json
    tag(ann, chat["id"], "Work")
    ann.post(CHATS + chat["id"], {"chat": {"tags": []}, "meta": {}})

    assert all_tags(ann) == {"work": "Work"}
    assert carried(ann, chat["id"]) == {"work"}
    assert ann.get(CHATS + chat["id"]).json["chat"]["meta"] == {"tags": ["y"]}


def test_tagging_keeps_updated_at(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000]
    for module in ("service", "flags.service", "access"):
        monkeypatch.setattr(f"portico_chats.{module}.now", lambda: clock[0])
    chat_id = new_chat(ann)["id"]
    clock[0] = 2000
    tag(ann, chat_id, "Work")
    ann.delete(f"{CHATS}{chat_id}/tags/all")
    assert ann.get(CHATS + chat_id).json["updated_at"] == 1000


@pytest.mark.case("AB-49")
def test_failed_deletion_keeps_tags(app: InProcessApp, ann: Client, bob: Client) -> None:
    mine, theirs = new_chat(ann)["id"], new_chat(bob)["id"]
    tag(ann, mine, "Work")
    tag(bob, theirs, "Work")
    before = [table(app, name) for name in ("chats_tag", "chats_chat_tag", "chats_chat")]
    assert bob.delete(CHATS + mine).status == 404
    assert [table(app, name) for name in ("chats_tag", "chats_chat_tag", "chats_chat")] == before


@pytest.mark.both_databases
def test_concurrently_added_tag_is_not_deleted(app: InProcessApp, ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    tag(ann, one, "Work")
    me = ann.account["id"]

    async def untag() -> None:
        async with transaction():
            await tag_queries.detach(one, ["work"])
            await tag_queries.delete_unused(me)

    async def is_waited_for() -> bool:
        if current_database().dialect == "sqlite":
            return True  # writers take turns anyway
        return bool(await fetch_all("SELECT 1 FROM pg_locks WHERE NOT granted"))

    async def work() -> None:
        async with transaction():
            await attach(other, me, {"work": "Work"}, archived=False)
            untagging = asyncio.create_task(untag())
            while not (untagging.done() or await is_waited_for()):
                await asyncio.sleep(0)
        await untagging

    app.run(work)
    assert all_tags(ann) == {"work": "Work"}
    assert [row["chat_id"] for row in table(app, "chats_chat_tag")] == [other]


@pytest.mark.both_databases
def test_concurrent_tagging_keeps_tag_exactly_if_used(
    app: InProcessApp, env: dict[str, str], ann: Client
) -> None:
    elsewhere = InProcessApp(env)
    try:
        there = Client(elsewhere.client.transport, ann.token)
        ids = [new_chat(ann)["id"] for _ in range(4)]

        def work(n: int) -> None:
            user, chat_id = (ann, there)[n % 2], ids[n % 4]
            for turn in range(8):
                path = f"{CHATS}{chat_id}/tags"
                name = {"name": ("Red", "Blue")[(n + turn) % 2]}
                assert user.post(path, name).status == 200
                if turn % 3 == 0:
                    assert user.post(f"{CHATS}{chat_id}/archive").status == 200
                assert user.delete(path, name).status == 200
                if (n + turn) % 5 == 0:
                    assert user.post(path, name).status == 200

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(8)))

        wanted: set[str] = set()
        for chat_id in ids:
            ids_carried = carried(ann, chat_id)
            if not ann.get(CHATS + chat_id).json["archived"]:
                wanted |= ids_carried
        assert set(all_tags(ann)) == wanted
    finally:
        elsewhere.close()


@given(st.text(max_size=200))
def test_read_name_and_tag_id_agree(name: str) -> None:
    try:
        known_as, spelled = read_name(name)
    except InvalidRequest:
        return
    assert tag_id(spelled) == known_as != "none"
    assert read_name(known_as)[0] == known_as or known_as.lower() != known_as
    assert tags_in(with_tags("{}", [known_as])) in ([known_as], [tag_id(known_as)])


@pytest.mark.parametrize("meta", ["{}", "[]", "null", '{"tags":5}', '{"tags":[1]}', "x"])
def test_unusual_meta_has_no_tags(meta: str) -> None:
    assert tags_in(meta) == []
    assert tags_in(with_tags(meta, ["a"])) == ["a"]


def test_old_invalid_tags_stay_until_removed(app: InProcessApp, ann: Client) -> None:
    chat_id, long = new_chat(ann)["id"], "l" * 300
    old = [f"t{n}" for n in range(150)]
    meta = json.dumps({"tags": [long, *old]})
    keep = "UPDATE chats_chat SET meta = $2 WHERE id = $1"
    app.run(app.portico.database.execute, keep, chat_id, meta)
    path = f"{CHATS}{chat_id}/tags"

    assert ann.delete(path, {"name": "t0"}).status == 200
    left = ann.get(CHATS + chat_id).json["meta"]["tags"]
    assert left == [long, *old[1:]]
    assert ann.post(path, {"name": "one more"}).status == 400
    assert ann.delete(path, {"name": long}).status == 200
    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == old[1:]
    assert ann.delete(f"{path}/all").json is True
    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == []


def test_adding_tag_keeps_old_long_tag(app: InProcessApp, ann: Client) -> None:
    chat_id, long = new_chat(ann)["id"], "l" * 300
    keep = "UPDATE chats_chat SET meta = $2 WHERE id = $1"
    meta = json.dumps({"tags": [long]})
    app.run(app.portico.database.execute, keep, chat_id, meta)

    assert ann.post(f"{CHATS}{chat_id}/tags", {"name": "new"}).status == 200

    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == [long, "new"]
