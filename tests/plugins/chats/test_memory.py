"""What is remembered of chats is what is stored, whoever has changed it."""

import pytest
from tests.plugins.chats.conftest import document, new_chat

from portico.testing import Client, House
from portico_chats.storage.memory import Memory, Remembered

CHATS = "/api/v1/chats/"


@pytest.fixture
def another(house: House, environment: dict[str, str]) -> House:
    """A second instance on the same database."""
    return House(environment)


def test_a_chat_changed_by_another_instance_is_read_again(another: House, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    there = another.client.sign_in("Ann")
    try:
        for n in range(3):
            assert ann.get(CHATS + chat_id).json == there.get(CHATS + chat_id).json
            there.post(CHATS + chat_id, {"chat": {"title": f"there {n}", "n": n}})
            assert ann.get(CHATS + chat_id).json["chat"]["n"] == n
            ann.post(f"{CHATS}{chat_id}/messages/m{n}", {"content": "x"})
            mine = ann.post(CHATS + chat_id, {"chat": {"title": f"here {n}"}}).json
            assert mine == there.get(CHATS + chat_id).json
            assert f"m{n}" in mine["chat"]["history"]["messages"]
    finally:
        another.close()


def test_a_chat_deleted_by_another_instance_is_gone(another: House, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    ann.get(CHATS + chat_id)
    try:
        assert another.client.sign_in("Ann").delete(CHATS + chat_id).status == 200
        assert ann.get(CHATS + chat_id).status == 404
    finally:
        another.close()


def test_a_change_that_was_refused_is_not_remembered(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    before = ann.get(CHATS + chat_id).body

    assert bob.post(CHATS + chat_id, {"chat": document(title="x")}).status == 404
    assert ann.post(CHATS + chat_id, {"chat": {"history": 5}}).status == 422
    assert ann.get(CHATS + chat_id).body == before


def test_it_holds_no_more_than_it_has_room_for_and_lets_go_of_what_was_used_longest_ago() -> None:
    memory = Memory(room=100)
    for n in range(3):
        memory.keep(f"c{n}", Remembered(1, "x" * 30))
    memory.get("c0", 1)
    memory.keep("c3", Remembered(1, "x" * 30))

    assert [f"c{n}" in memory for n in range(4)] == [True, False, True, True]
    assert memory.get("c0", 2) is None
    memory.keep("large", Remembered(1, "x" * 60, {}))
    assert "large" not in memory
