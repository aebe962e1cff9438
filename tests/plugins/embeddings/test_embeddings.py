"""`POST /api/embeddings`: access as for chats, presets, and bodies that pass."""

import json
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.testing import Client

PATHS = ["/api/embeddings", "/api/v1/embeddings"]


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment


def embeddings(upstream: Upstream) -> list[Any]:
    return [one.json for one in upstream.requests if one.path == "/v1/embeddings"]


@pytest.mark.parametrize("path", PATHS)
def test_each_text_of_a_list_gets_a_vector(user: Client, upstream: Upstream, path: str) -> None:
    form = {"model": "good", "input": ["a", "bcd"], "dimensions": 2, "encoding_format": "float"}
    answer = user.post(path, form | {"metadata": {"a": 1}, "chat_id": "c", "bypass_filter": True})
    assert answer.status == 200 and answer.json["object"] == "list"
    assert [one["embedding"] for one in answer.json["data"]] == [[1.0, 0.0], [3.0, 0.0]]
    assert embeddings(upstream) == [form]


def test_preset_stands_for_its_base_model(admin: Client, upstream: Upstream) -> None:
    params = {"temperature": 0.2, "system": "Be brief.", "custom_params": {"model": "other"}}
    form = {"id": "desk", "name": "D", "base_model_id": "good", "meta": {}, "params": params}
    assert admin.post("/api/v1/models/create", form).status == 200
    assert admin.post(PATHS[0], {"model": "desk", "input": "a"}).status == 200
    assert embeddings(upstream) == [{"model": "good", "input": "a"}]


@pytest.mark.case("AB-38")
def test_unreadable_model_is_like_an_absent_one(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    form = {"id": "good", "name": "G", "meta": {}, "params": {}, "access_control": {}}
    assert admin.post("/api/v1/models/create", form).status == 200
    answers = [user.post(PATHS[0], {"model": one, "input": "a"}) for one in ("good", "nowhere")]
    assert [one.status for one in answers] == [404, 404]
    assert answers[0].json == answers[1].json and embeddings(upstream) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"input": "a"}, "model"),
        ({"model": [1], "input": "a"}, "model"),
        ({"model": "good"}, "input"),
        ({"model": "good", "input": None}, "input"),
    ],
)
def test_missing_key_is_422(user: Client, body: Any, place: str) -> None:
    answer = user.post(PATHS[0], body)
    assert (answer.status, answer.json["error"]["param"]) == (422, place)


@pytest.mark.case("AB-43")
def test_client_cannot_choose_the_upstream(user: Client, upstream: Upstream) -> None:
    form = {"model": "good", "input": "a"}
    chosen = {"api_base": "http://evil.example", "base_url": "x", "api_key": "k", "headers": {}}
    assert user.post(PATHS[0], form | chosen).status == 200
    assert embeddings(upstream) == [form]


class TestSourceWithoutEmbeddings:
    @pytest.fixture
    def env(self, env: dict[str, str], upstream: Upstream) -> dict[str, str]:
        config = {"0": {"access": "public", "model_ids": ["good"], "operations": ["chat"]}}
        return env | {"OPENAI_API_CONFIGS": json.dumps(config)}

    def test_is_400(self, user: Client, upstream: Upstream) -> None:
        answer = user.post(PATHS[0], {"model": "good", "input": "a"})
        assert (
            answer.status == 400
            and "does not support embeddings" in answer.json["error"]["message"]
        )
        assert embeddings(upstream) == []
