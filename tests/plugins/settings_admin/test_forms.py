"""`/api/v1/configs`: the forms in which clients show and change runtime settings."""

from collections.abc import Sequence
from typing import Any

import pytest

from portico.catalogue import ModelCard, SourceRequest, SourceResponse
from portico.testing import Client, InProcessApp

CONFIGS = "/api/v1/configs"
BANNER = {
    "id": "b1", "type": "warning", "title": "Tonight", "content": "We update.",
    "dismissible": True, "timestamp": 1764500000,
}  # fmt: skip
NO_MODELS = {"DEFAULT_MODELS": None, "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": []}


class Shop:
    """A source of two models."""

    name = "shop"

    async def list_models(self) -> Sequence[ModelCard]:
        return [ModelCard(id=one, name=one.title(), owned_by="shop") for one in ("apple", "pear")]

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        raise NotImplementedError


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,models,completions,settings_admin",
        "ENABLE_EVALUATION_ARENA_MODELS": "false",
    }


@pytest.fixture
def app(app: InProcessApp) -> InProcessApp:
    app.portico.catalogue.add_source("test", Shop())
    return app


def listed(client: Client) -> list[str]:
    return [one["id"] for one in client.get("/api/models").json["data"]]


def test_banners_and_suggestions_are_shown_to_all_users(admin: Client) -> None:
    ben = admin.add_user("Ben")
    assert ben.get(f"{CONFIGS}/banners").json == []
    suggestions = ben.get("/api/config").json["default_prompt_suggestions"]
    assert len(suggestions) == 6
    assert all(len(one["title"]) == 2 and one["content"] for one in suggestions)

    answer = admin.post(f"{CONFIGS}/banners", {"banners": [BANNER | {"unknown": 1}]})
    assert (answer.status, answer.json) == (200, [BANNER])
    assert ben.get(f"{CONFIGS}/banners").json == [BANNER]
    own = [{"title": ["One", "two"], "content": "Three"}]
    answer = admin.post(f"{CONFIGS}/suggestions", {"suggestions": own})
    assert (answer.status, answer.json) == (200, own)
    assert ben.get("/api/config").json["default_prompt_suggestions"] == own

    for path, form in {
        "banners": {"banners": [BANNER | {"timestamp": "soon"}]},
        "suggestions": {"suggestions": [{"title": "one", "content": ""}]},
    }.items():
        answer = admin.post(f"{CONFIGS}/{path}", form)
        assert answer.status == 422 and path in str(answer.json), answer
    many = admin.post(f"{CONFIGS}/banners", {"banners": [BANNER] * 51})
    assert many.status == 400 and "WEBUI_BANNERS" in many.detail
    assert admin.post(f"{CONFIGS}/banners", {"banners": []}).json == []
    assert ben.post(f"{CONFIGS}/banners", {"banners": []}).status == 403


def test_order_and_defaults_of_models_are_in_force_at_once(admin: Client) -> None:
    assert listed(admin) == ["apple", "pear"]
    assert admin.get(f"{CONFIGS}/models").json == NO_MODELS | {"pinned": []}
    form = {"DEFAULT_MODELS": "pear", "DEFAULT_PINNED_MODELS": "a,b", "MODEL_ORDER_LIST": ["pear"]}
    answer = admin.post(f"{CONFIGS}/models", form)
    assert (answer.status, answer.json) == (200, form | {"pinned": []})
    assert listed(admin) == ["pear", "apple"]
    config = admin.get("/api/config").json
    assert (config["default_models"], config["default_pinned_models"]) == ("pear", "a,b")

    assert admin.post(f"{CONFIGS}/models", {"MODEL_ORDER_LIST": []}).status == 422
    empty = {"DEFAULT_MODELS": "", "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": None}
    assert admin.post(f"{CONFIGS}/models", empty).json == NO_MODELS | {"pinned": []}
    assert admin.get("/api/config").json["default_models"] is None


def test_switches_of_connections_are_stored(admin: Client) -> None:
    path = f"{CONFIGS}/connections"
    off = {"ENABLE_DIRECT_CONNECTIONS": False, "ENABLE_BASE_MODELS_CACHE": False}
    assert admin.get(path).json == off | {"pinned": []}
    on = dict.fromkeys(off, True)
    assert admin.post(path, on).json == on | {"pinned": []}
    assert admin.get("/api/config").json["features"]["enable_direct_connections"] is True
    assert admin.post(path, {"ENABLE_DIRECT_CONNECTIONS": True}).status == 422


class TestPinned:
    """The operator has set some of them."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        suggestion = '[{"title": ["A", "b"], "content": "C"}]'
        return env | {
            "DEFAULT_PROMPT_SUGGESTIONS": suggestion,
            "DEFAULT_MODELS": "first",
            "ENABLE_BASE_MODELS_CACHE": "true",
        }

    def test_pinned_setting_accepts_its_own_value_only(self, admin: Client) -> None:
        models = admin.get(f"{CONFIGS}/models").json
        assert models == NO_MODELS | {"DEFAULT_MODELS": "first", "pinned": ["DEFAULT_MODELS"]}
        assert admin.post(f"{CONFIGS}/models", models | {"MODEL_ORDER_LIST": ["x"]}).status == 200
        same: list[Any] = [{"title": ["A", "b"], "content": "C"}]
        assert admin.post(f"{CONFIGS}/suggestions", {"suggestions": same}).json == same
        refused = {
            "DEFAULT_MODELS": ("models", models | {"DEFAULT_MODELS": "other"}),
            "DEFAULT_PROMPT_SUGGESTIONS": ("suggestions", {"suggestions": []}),
            "ENABLE_BASE_MODELS_CACHE": (
                "connections",
                {"ENABLE_DIRECT_CONNECTIONS": True, "ENABLE_BASE_MODELS_CACHE": False},
            ),
        }
        for variable, (path, form) in refused.items():
            answer = admin.post(f"{CONFIGS}/{path}", form)
            assert answer.status == 400, answer
            assert variable in answer.detail and "environment" in answer.detail
        assert admin.get("/api/config").json["features"]["enable_direct_connections"] is False


class TestDeployment:
    """What the client reads to learn of updates."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"DEPLOYMENT_ID": "blue-7"}

    def test_version_has_the_deployment_id_and_no_updates(self, admin: Client) -> None:
        version = admin.get("/api/version").json
        assert version["deployment_id"] == "blue-7"
        updates = admin.get("/api/version/updates").json
        assert updates == {"current": version["version"], "latest": version["version"]}
