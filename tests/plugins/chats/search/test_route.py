"""Search over HTTP: chats are found immediately after the write, and only by their owner."""

import time
import urllib.parse

import pytest
from tests.plugins.chats.conftest import new_chat

from portico.testing import Client

CHATS = "/api/v1/chats/"


def found(user: Client, text: str, page: int = 1) -> list[str]:
    query = urllib.parse.urlencode({"text": text, "page": page})
    answer = user.get(f"{CHATS}search?{query}")
    assert answer.status == 200, answer
    return [chat["title"] for chat in answer.json]


def test_written_chats_are_found_and_deleted_ones_are_not(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    path = CHATS + chat_id

    assert found(ann, "trip") == found(ann, "HI") == found(ann, "") == ["Trip ideas"]

    ann.post(f"{path}/messages/a", {"content": "今日の天気は？"})
    assert found(ann, "天気") == ["Trip ideas"]
    ann.post(f"{path}/messages/a", {"content": "Regen"})
    assert (found(ann, "天気"), found(ann, "egen")) == ([], ["Trip ideas"])

    ann.post(path, {"chat": {"title": "Ausflug"}})
    assert (found(ann, "trip"), found(ann, "ausflug")) == ([], ["Ausflug"])

    ann.delete(path)
    assert found(ann, "egen") == []


def test_search_finds_top_level_messages(ann: Client) -> None:
    new_chat(ann, history={}, messages=[{"role": "user", "content": "needle"}])

    assert found(ann, "needle") == ["Trip ideas"]


@pytest.mark.case("AB-52")
def test_search_returns_only_own_chats(ann: Client, bob: Client, admin: Client) -> None:
    new_chat(ann)

    assert found(bob, "trip") == found(admin, "trip") == []


@pytest.mark.parametrize("text", ["%", "_", ".*", "tr%p", "(", "'", '"', "\\", "NEAR(", "*"])
@pytest.mark.case("AB-59")
def test_special_characters_are_literal_over_http(text: str, ann: Client) -> None:
    new_chat(ann)
    assert found(ann, text) == []
    new_chat(ann, title=f"with {text} in it")
    assert found(ann, text) == [f"with {text} in it"]


@pytest.mark.case("AB-59")
def test_too_long_search_text_is_refused(ann: Client) -> None:
    for text in ("%" * 5000, "tag:x " * 10_000):
        answer = ann.get(f"{CHATS}search?{urllib.parse.urlencode({'text': text})}")
        assert answer.status in (400, 414, 431)


def test_search_requires_text_and_counts_pages_from_one(ann: Client) -> None:
    assert ann.get(CHATS + "search").status == 422
    assert ann.get(CHATS + "search?text=x&page=abc").status == 422
    new_chat(ann)
    assert found(ann, "trip", page=0) == found(ann, "trip") == ["Trip ideas"]
    assert found(ann, "trip", page=2) == found(ann, "trip", page=2**70) == []


def test_texts_are_indexed_in_background(ann: Client, app: object) -> None:
    new_chat(ann, title="something unusual", history={"messages": {}, "currentId": None})
    deadline = time.monotonic() + 20

    def waiting() -> int:
        database = app.portico.database  # type: ignore[attr-defined]
        sql = "SELECT COUNT(*) AS n FROM chats_text WHERE state <> 1"
        return int(app.run(database.rows, sql)[0]["n"])  # type: ignore[attr-defined]

    while waiting():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert found(ann, "unusual") == ["something unusual"]
