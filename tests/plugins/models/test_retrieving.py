"""One entry of the model list by its id, as `models.retrieve` of OpenAI's clients asks for it."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.models.conftest import Shop

from portico.catalogue import ModelCard
from portico.testing import Client

PREFIX = "/api/v1/models/"
ODD_IDS = [
    "meta/llama3:8b",
    "a/b/c",
    "/models/tiny.gguf",
    "//a//b/",
    "../a",
    "söß 🙂",
    "50%2Foff",
    "a?b#c",
    " x ",
]


def entries(client: Client) -> dict[str, Any]:
    return {entry["id"]: entry for entry in client.get("/api/v1/models").json["data"]}


def test_entry_is_that_of_the_list(ann: Client) -> None:
    answer = ann.get(PREFIX + "open-1")
    assert answer.status == 200 and answer.json == entries(ann)["open-1"]
    assert answer.json["object"] == "model" and answer.json["owned_by"] == "shop"


@pytest.mark.case("AB-41")
@pytest.mark.parametrize("model_id", ODD_IDS)
def test_id_may_hold_any_characters(admin: Client, shop: Shop, model_id: str) -> None:
    shop.cards.append(ModelCard(id=model_id, name="Odd", owned_by="shop"))
    admin.get("/api/v1/models?refresh=true")
    for safe in ("/", ""):
        answer = admin.get(PREFIX + quote(model_id, safe=safe))
        assert (answer.status, answer.json.get("id")) == (200, model_id)


@pytest.mark.case("AB-40")
def test_unreadable_entry_is_like_an_absent_one(ann: Client) -> None:
    closed, absent = ann.get(PREFIX + "closed-1"), ann.get(PREFIX + "nowhere")
    assert closed.status == absent.status == 404
    assert closed.json == absent.json and closed.json["error"]["code"] == "model_not_found"


def test_fixed_path_comes_before_an_id(admin: Client, shop: Shop) -> None:
    shop.cards.append(ModelCard(id="list", name="List", owned_by="shop"))
    admin.get("/api/v1/models?refresh=true")
    assert "items" in admin.get(PREFIX + "list").json


def test_arena_and_preset_have_entries(admin: Client) -> None:
    form = {"id": "desk/1", "name": "Desk", "base_model_id": "open-1", "meta": {}, "params": {}}
    assert admin.post("/api/v1/models/create", form).status == 200
    for model_id in ("desk/1", "arena-model"):
        assert admin.get(PREFIX + model_id).json == entries(admin)[model_id]
