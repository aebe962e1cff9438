"""A house that keeps chats, and two people who have some."""

from typing import Any

import pytest

from portico.testing import Client, House


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"PORTICO_PLUGINS_ONLY": "accounts,password,chats"}


@pytest.fixture
def ann(admin: Client) -> Client:
    return admin.add_person("Ann")


@pytest.fixture
def bob(admin: Client) -> Client:
    return admin.add_person("Bob")


def document(**changes: Any) -> dict[str, Any]:
    """A chat of one question, as the web client sends it."""
    question: dict[str, Any] = {
        "id": "q",
        "parentId": None,
        "childrenIds": [],
        "role": "user",
        "content": "Hi",
    }
    return {
        "id": "",
        "title": "Trip ideas",
        "models": ["m"],
        "params": {},
        "history": {"messages": {"q": question}, "currentId": "q"},
        "messages": [question],
        "tags": [],
        "timestamp": 1,
    } | changes


def new_chat(person: Client, **changes: Any) -> dict[str, Any]:
    answer = person.post("/api/v1/chats/new", {"chat": document(**changes), "folder_id": None})
    assert answer.status == 200, answer
    return dict(answer.json)


def stored(house: House, chat_id: str) -> dict[str, Any]:
    """The row as it is in the database."""
    (row,) = house.call(
        house.portico.database.rows, "SELECT * FROM chats_chat WHERE id = $1", chat_id
    )
    return dict(row)
