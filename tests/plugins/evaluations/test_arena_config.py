"""Arena models that administrators store: what is refused, and what the operator has pinned."""

from typing import Any

import pytest
from tests.plugins.evaluations.conftest import ROOT

from portico.testing import Client, InProcessApp

CONFIG = f"{ROOT}/config"
MODELS = "EVALUATION_ARENA_MODELS"


@pytest.fixture
def admin(client: Client) -> Client:
    return client.sign_up("Ada")


def arena(model_id: str = "blind", **meta: Any) -> dict[str, Any]:
    """Return an arena model as the web client sends it."""
    known = {
        "profile_image_url": "/static/favicon.png",
        "description": None,
        "model_ids": None,
        "filter_mode": None,
    }
    return {
        "id": model_id,
        "name": model_id.title(),
        "meta": {**known, "access_control": None, **meta},
    }


def ids(user: Client) -> set[str]:
    return {one["id"] for one in user.get("/api/models").json["data"] if one.get("arena")}


def test_invalid_arena_models_change_nothing(admin: Client, app: InProcessApp) -> None:
    wrong: list[tuple[list[Any], int]] = [
        ([arena(access_control={"read": "all"})], 422), ([arena(model_ids="good")], 422),
        ([arena(filter_mode="maybe")], 422), ([arena("")], 422), ([arena("a\nb")], 422), ([arena("x" * 257)], 422),
        ([{"id": "a", "name": ""}], 422), ([{"id": "a"}], 422), (["a"], 422), ([arena(description=["x"])], 422),
        ([arena(), arena()], 400), ([arena("good")], 400),
        ([arena(access_control={"read": {"user_ids": ["absent"], "group_ids": []}})], 400),
        ([arena(f"a{number}") for number in range(101)], 400),
        ([arena(more="x" * 1024 * 1024)], 413),
    ]  # fmt: skip
    for models, status in wrong:
        refused = admin.post(CONFIG, {MODELS: models})
        assert refused.status == status, (models[0], refused)
        document = {"evaluation": {"arena": {"models": models}}}
        imported = admin.post("/api/v1/configs/import", {"config": document})
        assert imported.status in (400, 413, 422), (models[0], imported)
    assert admin.get(CONFIG).json[MODELS] == []
    unknown = admin.post(CONFIG, {MODELS: [arena(more={"kept": 1})]})
    assert unknown.json[MODELS][0]["meta"]["more"] == {"kept": 1}


def test_arena_models_of_the_environment_stay(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env[MODELS] = '[{"id": "blind", "name": "Blind", "meta": {"access_control": null}}]'
    admin: Client = request.getfixturevalue("admin")
    config = admin.get(CONFIG).json
    assert (config["pinned"], config[MODELS][0]["id"]) == ([MODELS], "blind")
    # The web client sends the whole form.
    assert admin.post(CONFIG, config).json == config
    assert admin.post(CONFIG, {MODELS: []}).status == 400
    assert ids(admin.add_user("Ann")) == {"blind"}


@pytest.mark.case("AB-39")
def test_users_of_an_arena_model_do_not_see_its_configuration(admin: Client) -> None:
    ann, bob = admin.add_user("Ann"), admin.add_user("Bob")
    may_read = {"read": {"user_ids": [ann.account["id"], bob.account["id"]], "group_ids": []}}
    configured = arena(description="Guess", model_ids=["good", "secret"], access_control=may_read)
    assert admin.post(CONFIG, {MODELS: [configured]}).json[MODELS] == [configured]
    for user in (ann, admin):
        listed = next(one for one in user.get("/api/models").json["data"] if one.get("arena"))
        assert listed["info"] == {"meta": {"description": "Guess"}}
