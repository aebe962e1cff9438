"""The settings of generation, as administrators change them."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from portico.boot import Application
from portico.testing import Client, InProcessApp

DEFAULTS = {
    "TASK_MODEL": "",
    "TASK_MODEL_EXTERNAL": "",
    "ENABLE_TITLE_GENERATION": True,
    "TITLE_GENERATION_PROMPT_TEMPLATE": "",
    "IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE": "",
    "ENABLE_AUTOCOMPLETE_GENERATION": False,
    "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": -1,
    "TAGS_GENERATION_PROMPT_TEMPLATE": "",
    "FOLLOW_UP_GENERATION_PROMPT_TEMPLATE": "",
    "ENABLE_FOLLOW_UP_GENERATION": True,
    "ENABLE_TAGS_GENERATION": True,
    "ENABLE_SEARCH_QUERY_GENERATION": True,
    "ENABLE_RETRIEVAL_QUERY_GENERATION": True,
    "QUERY_GENERATION_PROMPT_TEMPLATE": "",
    "TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE": "",
    "VOICE_MODE_PROMPT_TEMPLATE": "",
}
CHANGED = {
    "TASK_MODEL": "task",
    "ENABLE_TITLE_GENERATION": False,
    "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": 200,
    "VOICE_MODE_PROMPT_TEMPLATE": "Be brief.",
}


def config(client: Client) -> Any:
    return client.get("/api/v1/tasks/config").json


def update(client: Client, form: Any) -> Any:
    return client.post("/api/v1/tasks/config/update", form)


def test_config_has_the_defaults(user: Client) -> None:
    assert config(user) == DEFAULTS | {"pinned": []}


def test_changes_are_in_force_for_everyone(admin: Client, user: Client) -> None:
    answer = update(admin, config(admin) | CHANGED)
    assert answer.json == DEFAULTS | CHANGED | {"pinned": []}
    assert config(user) == answer.json


@pytest.mark.both_databases
def test_change_reaches_another_instance(
    env: dict[str, str], app: InProcessApp, admin: Client
) -> None:
    other = InProcessApp(env)
    there = other.client.sign_in(admin.account["name"])
    assert config(there)["TASK_MODEL"] == ""
    update(admin, DEFAULTS | CHANGED)
    deadline = time.monotonic() + 20
    while config(there)["TASK_MODEL"] != "task":
        assert time.monotonic() < deadline, "the other instance does not know"
        time.sleep(0.02)
    other.close()


def test_models_may_be_null(admin: Client) -> None:
    answer = update(admin, DEFAULTS | {"TASK_MODEL": None, "VOICE_MODE_PROMPT_TEMPLATE": None})
    assert answer.json == DEFAULTS | {"pinned": []}


def test_changes_of_users_are_refused(user: Client) -> None:
    assert update(user, DEFAULTS).status == 403
    assert config(user)["ENABLE_TITLE_GENERATION"] is True


@pytest.mark.parametrize("missing", ["TASK_MODEL", "ENABLE_TAGS_GENERATION"])
def test_every_key_is_needed(admin: Client, missing: str) -> None:
    form = {key: value for key, value in (DEFAULTS | CHANGED).items() if key != missing}
    assert update(admin, form).status == 422
    assert config(admin) == DEFAULTS | {"pinned": []}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH", -2),
        ("AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH", 10**9),
        ("TITLE_GENERATION_PROMPT_TEMPLATE", "x" * 200_000),
        ("TASK_MODEL", "x" * 300),
        ("TASK_MODEL", 7),
    ],
)
def test_values_out_of_bounds_are_refused(admin: Client, key: str, value: Any) -> None:
    assert update(admin, DEFAULTS | CHANGED | {key: value}).status in (400, 422)
    assert config(admin) == DEFAULTS | {"pinned": []}


def test_refusal_says_what_is_expected(admin: Client) -> None:
    key = "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH"
    answer = update(admin, DEFAULTS | {key: -2})
    assert answer.detail == f"[ERROR: {key}: expected an integer from -1 to 10000000]"


def test_environment_overrides_what_is_stored(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env, complete_schema)
    admin = app.client.sign_up("Ann")
    update(admin, DEFAULTS | CHANGED)
    app.close()

    app = InProcessApp(env | {"TASK_MODEL": "ours"}, complete_schema)
    admin = app.client.sign_in("Ann")
    expected = DEFAULTS | CHANGED | {"TASK_MODEL": "ours", "pinned": ["TASK_MODEL"]}
    assert config(admin) == expected
    assert update(admin, expected).status == 200
    refused = update(admin, expected | {"TASK_MODEL": "other", "ENABLE_TAGS_GENERATION": False})
    assert refused.status == 400
    assert "TASK_MODEL" in refused.json["detail"]
    assert config(admin) == expected
    app.close()


def test_clients_are_told_whether_texts_are_continued(admin: Client) -> None:
    def is_on() -> bool:
        features = admin.get("/api/config").json["features"]
        return bool(features["enable_autocomplete_generation"])

    assert not is_on()
    update(admin, DEFAULTS | {"ENABLE_AUTOCOMPLETE_GENERATION": True})
    assert is_on()
