"""Fixtures: an application with chats, models of one provider, and two users."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp

ROOT = "/api/v1/evaluations"
FEEDBACK = f"{ROOT}/feedback"
ALL = f"{ROOT}/feedbacks/all"
#: Models of the workspace that all users may use.
MODELS = ("alpha", "beta", "gamma")


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """The default environment with one provider that all users may use."""
    return env | upstream.environment


@pytest.fixture
def admin(client: Client) -> Client:
    """An administrator, and three models."""
    found = client.sign_up("Ada")
    for name in MODELS:
        form = {"id": name, "name": name, "base_model_id": "good", "meta": {}, "params": {}}
        answer = found.post("/api/v1/models/create", form | {"access_control": None})
        assert answer.status == 200, answer
    return found


def chat_of(*models: str, **fields: Any) -> dict[str, Any]:
    """Return a chat in which each of these models has answered one prompt: replies `r0`, `r1`, …"""
    ids = [f"r{number}" for number in range(len(models))]
    messages: dict[str, Any] = {
        "q": {"id": "q", "parentId": None, "childrenIds": ids, "role": "user", "content": "Hi", "models": list(models)}
    }  # fmt: skip
    for one, model in zip(ids, models, strict=True):
        messages[one] = {
            "id": one, "parentId": "q", "childrenIds": [], "role": "assistant", "content": f"I am {model}",
            "model": model, "done": True, **fields,
        }  # fmt: skip
    return {
        "title": "Hi",
        "models": list(models),
        "history": {"messages": messages, "currentId": ids[0]},
        "messages": [],
    }


def new_chat(user: Client, *models: str, **fields: Any) -> str:
    """Store a chat. Returns its id."""
    answer = user.post("/api/v1/chats/new", {"chat": chat_of(*models, **fields)})
    assert answer.status == 200, answer
    return str(answer.json["id"])


def form(chat_id: str, rating: int | None = 1, *, reply: str = "r0", **more: Any) -> dict[str, Any]:
    """Return a rating as the web client sends it. `more`: of `data`; `meta` and `snapshot` are merged into those."""
    meta, snapshot = more.pop("meta", {}), more.pop("snapshot", None)
    return {
        "type": "rating",
        "data": {"rating": rating, **more},
        "meta": {
            "chat_id": chat_id,
            "message_id": reply,
            "message_index": 2,
            "arena": False,
            **meta,
        },
        "snapshot": snapshot,
    }


def rate(user: Client, chat_id: str, rating: int | None = 1, **more: Any) -> dict[str, Any]:
    """Rate a reply. Returns what was stored."""
    answer = user.post(FEEDBACK, form(chat_id, rating, **more))
    assert answer.status == 200, answer
    return dict(answer.json)


def scores(admin: Client, tag: str = "") -> dict[str, tuple[int, int, int, int]]:
    """Return won, lost, thumbs up and thumbs down of each model in the leaderboard."""
    answer = admin.get(f"{ROOT}/leaderboard?tag={quote(tag)}")
    assert answer.status == 200, answer
    names = ("won", "lost", "thumbs_up", "thumbs_down")
    return {one["model_id"]: tuple(one[name] for name in names) for one in answer.json["models"]}  # type: ignore[misc]


def rows(app: InProcessApp, table: str) -> list[Mapping[str, Any]]:
    """Return all rows of a table."""
    return [dict(one) for one in app.run(app.portico.database.rows, f"SELECT * FROM {table}")]
