"""Validation of models: known keys are checked, others stored unchanged."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.one_database import on_sqlite
from tests.plugins.models.conftest import form

from portico.testing import Client

CREATE = "/api/v1/models/create"


@on_sqlite
@pytest.mark.case("AB-33")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tags", "lex"), ("tags", ["lex"]), ("tags", [{}]), ("tags", [{"name": 1}]), ("capabilities", []),
        ("capabilities", {"vision": "yes"}), ("capabilities", {"vision": 1}), ("hidden", "no"), ("hidden", 0),
        ("suggestion_prompts", {}), ("suggestion_prompts", ["Hello"]), ("knowledge", "all"),
        ("toolIds", "a"), ("toolIds", [1]), ("actionIds", {}), ("filterIds", [None]),
        ("defaultFilterIds", 1), ("defaultFeatureIds", [[]]), ("description", 1),
    ],
)  # fmt: skip
def test_known_meta_key_of_wrong_type_is_422(ann: Client, key: str, value: Any) -> None:
    answer = ann.post(CREATE, form(meta={"other": 1, key: value}))

    assert answer.status == 422
    assert answer.detail[0]["loc"] == ["body", "meta", key]
    assert ann.get("/api/v1/models/model?id=legal-desk").status == 404


def test_known_meta_keys_are_stored_and_null_means_not_set(ann: Client) -> None:
    meta = {
        "profile_image_url": "/x.png", "description": None, "capabilities": {"vision": True, "mine": False},
        "tags": [{"name": "Lex", "colour": "red"}], "hidden": True, "suggestion_prompts": [{"content": "Hi", "x": 1}],
        "toolIds": ["a"], "actionIds": [], "filterIds": None, "knowledge": [{"id": "k"}], "mine": [1, {"a": None}],
    }  # fmt: skip
    assert ann.post(CREATE, form(meta=meta)).json["meta"] == meta


@pytest.mark.parametrize("name", ["reason", "reasoning_effort", "system", "template"])
def test_text_parameter_has_at_most_128_kib(ann: Client, name: str) -> None:
    assert ann.post(CREATE, form(params={name: "x" * (128 * 1024)})).status == 200
    answer = ann.post(CREATE, form("other", params={name: "x" * (128 * 1024 + 1)}))
    assert (answer.status, f"params.{name}" in answer.detail) == (400, True)


def test_name_that_is_too_long_is_rejected(ann: Client) -> None:
    answer = ann.post(CREATE, form(name="x" * 513))
    assert (answer.status, "name" in answer.detail) == (400, True)


@pytest.mark.both_databases
def test_longest_name_and_base_can_be_sorted_and_searched(ann: Client) -> None:
    signs = [chr(0x20000 + number * 7) for number in range(768)]  # four bytes each, all different
    base, name = "".join(signs[:256]), "".join(signs[256:])
    assert ann.post(CREATE, form(base)).status == 200
    assert ann.post(CREATE, form(base_model_id=base, name=name)).status == 200

    assert ann.get("/api/v1/models/list?order_by=name").json["total"] == 2
    assert ann.get(f"/api/v1/models/list?query={quote(name[-20:])}").json["total"] == 1


@pytest.mark.case("AB-41")
def test_id_that_normalizes_to_a_very_long_one_is_rejected(ann: Client) -> None:
    answer = ann.post(CREATE, form("ﷺ" * 200))
    assert (answer.status, "too long" in answer.detail) == (400, True)
