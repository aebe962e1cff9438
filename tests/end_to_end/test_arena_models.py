"""Arena models that administrators store are in force on every instance, for accounts that may use them."""

from typing import Any

import pytest
from tests.instance_changes import Two
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp

CONFIG = "/api/v1/evaluations/config"
MODELS = "EVALUATION_ARENA_MODELS"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment


@pytest.fixture
def two(two_apps: tuple[InProcessApp, InProcessApp]) -> Two:
    return Two(*two_apps)


def arena(model_id: str = "blind", **meta: Any) -> dict[str, Any]:
    """Return an arena model as the web client sends it."""
    return {
        "id": model_id,
        "name": model_id.title(),
        "meta": {"model_ids": None, "access_control": None, **meta},
    }


def ids(user: Client) -> set[str]:
    return {one["id"] for one in user.get("/api/models").json["data"] if one.get("arena")}


def answer(user: Client, model_id: str) -> tuple[int, str | None]:
    """Return the status, and the model that has answered."""
    form = {"model": model_id, "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    found = user.post("/api/chat/completions", form)
    return found.status, found.json.get("selected_model_id")


@pytest.mark.case("AB-36", "D-MOD-13")
def test_arena_models_are_in_force_on_all_instances(
    two: Two,
) -> None:
    ben = two.here
    assert ids(two.ada) == {"arena-model"} and ids(ben) == set()
    mine = {"read": {"user_ids": [two.ben_id], "group_ids": []}}
    stored = [arena(model_ids=["good", "task"], filter_mode="include"), arena("mine", access_control=mine),
              arena("admins", access_control={}), arena("rest", model_ids=["good"], filter_mode="exclude")]  # fmt: skip

    saved = two.post(CONFIG, {MODELS: stored})

    assert saved == {"ENABLE_EVALUATION_ARENA_MODELS": True, MODELS: stored, "pinned": []}
    assert two.ada.get(CONFIG).json == saved
    two.both(ids, {"blind", "mine", "rest"})
    assert ids(two.ada) == {"blind", "mine", "rest", "admins"}
    assert answer(two.there, "blind") in ((200, "good"), (200, "task"))
    assert answer(ben, "admins")[0] == answer(two.there, "arena-model")[0] == 404
    # Nothing that Ben may not use is ever picked.
    private = {
        "id": "secret",
        "name": "Secret",
        "base_model_id": "good",
        "meta": {},
        "params": {},
        "access_control": {},
    }
    two.post("/api/v1/models/create", private)
    two.post(CONFIG, {MODELS: [arena("only", model_ids=["secret"])]})
    two.both(lambda who: answer(who, "only")[0], 404)
    assert answer(two.ada, "only") == (200, "secret")
    two.post(CONFIG, {"ENABLE_EVALUATION_ARENA_MODELS": False})
    two.both(ids, set())
    assert two.ada.get(CONFIG).json[MODELS][0]["id"] == "only"
