"""Records of earlier releases with values beyond current limits stay writable."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from portico.testing import Client, InProcessApp

MODELS = "/api/v1/models"
ODD: dict[str, dict[str, Any]] = {
    "name": {"name": "n" * 600},
    "params": {"params": {"temperature": 9, "stop": ["s"] * 40, "top_p": "high"}},
    "meta": {"meta": {"tags": [{"name": "t" * 300}], "hidden": "yes", "profile_image_url": "x:y"}},
    "tags": {"meta": {"tags": ["plain", 5], "capabilities": [1]}},
}
_KEEP = "UPDATE models_model SET name = $2, params = $3, meta = $4 WHERE id = $1"


def old_record(
    app: InProcessApp, client: Client, model_id: str = "old", **odd: Any
) -> tuple[str, dict[str, Any]]:
    """Store a preset as an earlier release did. Return the path of its update, and an unchanged form."""
    form: dict[str, Any] = {
        "id": "new", "base_model_id": "open-1", "name": "Old", "params": {}, "meta": {},
        "access_control": {}, "is_active": True,
    }  # fmt: skip
    assert client.post(f"{MODELS}/create", form).status == 200
    form |= {"id": model_id, **odd}
    values = (form["name"], json.dumps(form["params"]), json.dumps(form["meta"]))
    call, database = app.run, app.portico.database
    call(database.execute, "UPDATE models_model SET id = $1 WHERE id = 'new'", model_id)
    call(database.execute, _KEEP, model_id, *values)
    return f"{MODELS}/model/update?id={quote(model_id)}", form


@pytest.mark.parametrize("odd", list(ODD))
def test_update_keeps_stored_values_beyond_current_limits(
    odd: str, app: InProcessApp, admin: Client
) -> None:
    path, form = old_record(app, admin, **ODD[odd])

    answer = admin.post(path, form | {"is_active": False})

    assert answer.status == 200, answer
    assert {key: answer.json[key] for key in ("name", "params")} == {
        key: form[key] for key in ("name", "params")
    }
    assert answer.json["meta"].items() >= form["meta"].items()
    assert answer.json["is_active"] is False


@pytest.mark.parametrize("odd", ["name", "params", "meta"])
def test_update_checks_changed_values_against_current_limits(
    odd: str, app: InProcessApp, admin: Client
) -> None:
    path, form = old_record(app, admin)

    assert admin.post(path, form | ODD[odd]).status in (400, 422)


@pytest.mark.parametrize("model_id", ["i" * 300, "\ufdfa" * 100], ids=["long", "unfolding"])
def test_ids_that_are_invalid_today_can_be_read_changed_and_deleted(
    model_id: str, app: InProcessApp, admin: Client
) -> None:
    path, form = old_record(app, admin, model_id)

    assert admin.post(path, form | {"name": "New"}).json["name"] == "New"
    assert admin.post(f"{MODELS}/model/toggle?id={quote(model_id)}").json["is_active"] is False
    assert admin.post(f"{MODELS}/model/delete", {"id": model_id}).json is True


def test_preset_on_a_chain_that_is_too_long_today_can_be_changed(
    app: InProcessApp, admin: Client
) -> None:
    path, form = old_record(app, admin)
    insert = (
        "INSERT INTO models_model SELECT $1, $1, user_id, $2, name, search_text, is_active, updated_at, created_at, "
        "meta, params FROM models_model WHERE id = 'old'"
    )
    call, database = app.run, app.portico.database
    for n in range(12):
        call(database.execute, insert, f"c{n}", f"c{n + 1}")
    call(database.execute, "UPDATE models_model SET base_model_id = 'c0' WHERE id = 'old'")

    assert admin.post(path, form | {"base_model_id": "c0", "name": "New"}).status == 200
    assert admin.post(path, form | {"base_model_id": "c1"}).status == 400
