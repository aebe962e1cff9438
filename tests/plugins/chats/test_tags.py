"""Tags over HTTP: how they are spelled, who carries them, and when they are gone."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.chats.conftest import document, new_chat, table

from portico.db import current_database, fetch_all, transaction
from portico.errors import InvalidRequest
from portico.testing import Client, InProcessApp
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.names import LONGEST, MOST, read_name, tag_id, tags_in, with_tags
from portico_chats.tags.service import attach

CHATS = "/api/v1/chats/"
NOT_FOUND = "We could not find what you're looking for :/"


def tag(person: Client, chat_id: str, *names: str) -> Any:
    """Give a chat tags; the answer to the last."""
    answer = None
    for name in names:
        answer = person.post(f"{CHATS}{chat_id}/tags", {"name": name})
        assert answer.status == 200, answer
    return answer and answer.json


def all_tags(person: Client) -> dict[str, str]:
    """Names by id."""
    return {one["id"]: one["name"] for one in person.get(CHATS + "all/tags").json}


def carried(person: Client, chat_id: str) -> set[str]:
    """What a chat carries, by each of the ways to tell."""
    ids = {one["id"] for one in person.get(f"{CHATS}{chat_id}/tags").json}
    told = person.get(CHATS + chat_id).json["meta"].get("tags", [])
    assert sorted(told) == sorted(ids)
    return ids


def test_a_tag_keeps_its_first_spelling_and_is_one_whatever_its_case(ann: Client) -> None:
    one, other = new_chat(ann)["id"], new_chat(ann)["id"]
    me = ann.account["id"]

    first = tag(ann, one, "Big Trip")
    again = tag(ann, one, "big trip", "BIG_TRIP", "  big trip ")
    tag(ann, other, "BIG trip")

    spelled = {"id": "big_trip", "name": "Big Trip", "user_id": me, "meta": None}
    assert first == again == [spelled]
    assert ann.get(CHATS + "all/tags").json == [spelled]
    assert carried(ann, one) == carried(ann, other) == {"big_trip"}


def test_tags_are_everybodys_own(ann: Client, bob: Client) -> None:
    mine, theirs = new_chat(ann)["id"], new_chat(bob)["id"]
    tag(ann, mine, "Work")
    tag(bob, theirs, "WORK")

    assert (all_tags(ann), all_tags(bob)) == ({"work": "Work"}, {"work": "WORK"})
    ann.delete(f"{CHATS}{mine}/tags", {"name": "work"})
    assert (all_tags(ann), all_tags(bob)) == ({}, {"work": "WORK"})


def test_a_tag_is_gone_when_nobody_carries_it_any_more(app: InProcessApp, ann: Client) -> None:
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
    assert table(app, "chats_tagged") == []


def test_a_tag_is_gone_with_the_archive_and_comes_back_without_its_spelling(ann: Client) -> None:
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


def test_who_carries_a_tag_is_listed_without_the_archived_a_page_at_a_time(
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


def test_D_CHAT_9_looking_up_a_tag_changes_nothing(app: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    tag(ann, chat_id, "Work")
    ann.post(f"{CHATS}{chat_id}/archive")
    before = [table(app, name) for name in ("chats_tag", "chats_tagged", "chats_chat")]

    for name in ("work", "other", "", "none", "x" * 10_000, "\x00", "%", "🦜"):
        assert ann.post(CHATS + "tags", {"name": name}).json == []

    assert [table(app, name) for name in ("chats_tag", "chats_tagged", "chats_chat")] == before


@pytest.mark.parametrize("form", [
    {}, {"name": None}, {"name": 5}, {"name": []}, [], None, {"name": "x", "skip": -1}, {"name": "x", "limit": -1},
    {"name": "x", "limit": 1001}, {"name": "x", "skip": 10**30}, {"name": "x", "skip": "x"},
])  # fmt: skip
def test_AB_58_a_form_of_another_shape_is_422(ann: Client, form: Any) -> None:
    assert ann.post(CHATS + "tags", form).status == 422
    chat_id = new_chat(ann)["id"]
    if not isinstance(form, dict) or not isinstance(form.get("name"), str):
        assert ann.post(f"{CHATS}{chat_id}/tags", form).status == 422
        assert ann.delete(f"{CHATS}{chat_id}/tags", form).status == 422


@pytest.mark.parametrize("name", ["none", "None", " NONE ", "no\x00ne"])
def test_no_tag_is_called_none(ann: Client, name: str) -> None:
    answer = ann.post(f"{CHATS}{new_chat(ann)['id']}/tags", {"name": name})
    assert (answer.status, answer.detail) == (400, "[ERROR: Tag name cannot be 'None']")
    assert all_tags(ann) == {}


@pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * (LONGEST + 1), "İ" * LONGEST])
def test_a_name_that_no_tag_may_have_is_400_and_changes_nothing(
    app: InProcessApp, ann: Client, name: str
) -> None:
    chat_id = new_chat(ann)["id"]
    answer = ann.post(f"{CHATS}{chat_id}/tags", {"name": name})
    assert answer.status == 400 and "Tag name" in answer.detail
    assert table(app, "chats_tag") == table(app, "chats_tagged") == []


def test_AB_58_half_a_character_is_no_name_and_no_fault(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    for path, method in (
        (f"{chat_id}/tags", "POST"),
        (f"{chat_id}/tags", "DELETE"),
        ("tags", "POST"),
    ):
        answer = ann.request(method, CHATS + path, body=b'{"name":"a\\ud800"}')
        assert answer.status in (200, 400, 422)
    assert all_tags(ann) == {}


def test_a_chat_has_no_more_tags_than_somebody_could_want(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    tag(ann, chat_id, *map(str, range(MOST)))
    answer = ann.post(f"{CHATS}{chat_id}/tags", {"name": "more"})
    assert (answer.status, answer.detail) == (400, f"[ERROR: A chat has at most {MOST} tags]")
    assert len(tag(ann, chat_id, "0")) == MOST


def test_AB_56_what_a_document_says_of_tags_is_the_clients(app: InProcessApp, ann: Client) -> None:
    chat = ann.post(
        CHATS + "new", {"chat": document(tags=["x"], meta={"tags": ["y"]}), "meta": {"tags": ["z"]}}
    ).json
    tag(ann, chat["id"], "Work")
    ann.post(CHATS + chat["id"], {"chat": {"tags": []}, "meta": {}})

    assert all_tags(ann) == {"work": "Work"}
    assert carried(ann, chat["id"]) == {"work"}
    assert ann.get(CHATS + chat["id"]).json["chat"]["meta"] == {"tags": ["y"]}


def test_a_tag_does_not_move_a_chat(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000]
    for room in ("service", "marks.flags", "reach"):
        monkeypatch.setattr(f"portico_chats.{room}.now", lambda: clock[0])
    chat_id = new_chat(ann)["id"]
    clock[0] = 2000
    tag(ann, chat_id, "Work")
    ann.delete(f"{CHATS}{chat_id}/tags/all")
    assert ann.get(CHATS + chat_id).json["updated_at"] == 1000


def test_AB_49_deleting_in_vain_leaves_everybodys_tags(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    mine, theirs = new_chat(ann)["id"], new_chat(bob)["id"]
    tag(ann, mine, "Work")
    tag(bob, theirs, "Work")
    before = [table(app, name) for name in ("chats_tag", "chats_tagged", "chats_chat")]
    assert bob.delete(CHATS + mine).status == 404
    assert [table(app, name) for name in ("chats_tag", "chats_tagged", "chats_chat")] == before


def test_a_tag_that_is_wanted_again_is_not_swept_up_in_that_moment(
    app: InProcessApp, ann: Client
) -> None:
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

    app.call(work)
    assert all_tags(ann) == {"work": "Work"}
    assert [row["chat_id"] for row in table(app, "chats_tagged")] == [other]


def test_many_who_tag_and_untag_at_once_leave_a_tag_if_and_only_if_it_is_carried(
    app: InProcessApp, env: dict[str, str], ann: Client
) -> None:
    elsewhere = InProcessApp(env)
    try:
        there = Client(elsewhere.client.transport, ann.token)
        ids = [new_chat(ann)["id"] for _ in range(4)]

        def work(n: int) -> None:
            person, chat_id = (ann, there)[n % 2], ids[n % 4]
            for turn in range(8):
                path = f"{CHATS}{chat_id}/tags"
                name = {"name": ("Red", "Blue")[(n + turn) % 2]}
                assert person.post(path, name).status == 200
                if turn % 3 == 0:
                    assert person.post(f"{CHATS}{chat_id}/archive").status == 200
                assert person.delete(path, name).status == 200
                if (n + turn) % 5 == 0:
                    assert person.post(path, name).status == 200

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
def test_whatever_is_read_as_a_name_is_known_by_one_id(name: str) -> None:
    try:
        known_as, spelled = read_name(name)
    except InvalidRequest:
        return
    assert tag_id(spelled) == known_as != "none"
    assert read_name(known_as)[0] == known_as or known_as.lower() != known_as
    assert tags_in(with_tags("{}", [known_as])) in ([known_as], [tag_id(known_as)])


@pytest.mark.parametrize("meta", ["{}", "[]", "null", '{"tags":5}', '{"tags":[1]}', "x"])
def test_meta_of_another_shape_tells_of_no_tags(meta: str) -> None:
    assert tags_in(meta) == []
    assert tags_in(with_tags(meta, ["a"])) == ["a"]


def test_tags_that_no_chat_could_have_today_stay_until_they_are_taken_off(
    app: InProcessApp, ann: Client
) -> None:
    chat_id, long = new_chat(ann)["id"], "l" * 300
    old = [f"t{n}" for n in range(150)]
    meta = json.dumps({"tags": [long, *old]})
    keep = "UPDATE chats_chat SET meta = $2 WHERE id = $1"
    app.call(app.portico.database.execute, keep, chat_id, meta)
    path = f"{CHATS}{chat_id}/tags"

    assert ann.delete(path, {"name": "t0"}).status == 200
    left = ann.get(CHATS + chat_id).json["meta"]["tags"]
    assert left == [long, *old[1:]]
    assert ann.post(path, {"name": "one more"}).status == 400
    assert ann.delete(path, {"name": long}).status == 200
    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == old[1:]
    assert ann.delete(f"{path}/all").json is True
    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == []


def test_a_tag_that_is_added_leaves_an_old_long_one(app: InProcessApp, ann: Client) -> None:
    chat_id, long = new_chat(ann)["id"], "l" * 300
    keep = "UPDATE chats_chat SET meta = $2 WHERE id = $1"
    meta = json.dumps({"tags": [long]})
    app.call(app.portico.database.execute, keep, chat_id, meta)

    assert ann.post(f"{CHATS}{chat_id}/tags", {"name": "new"}).status == 200

    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == [long, "new"]
