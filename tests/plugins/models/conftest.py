"""Fixtures: an application with a source of three models, and two users."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from portico.catalogue import ModelCard, SourceRequest, SourceResponse
from portico.identity import Actor
from portico.testing import Client, InProcessApp
from portico_models.components import ModelsPlugin


class Shop:
    """A source with configurable models."""

    name = "shop"

    def __init__(self) -> None:
        self.cards = [
            ModelCard(id="open-1", name="Open", owned_by="shop", public=True),
            ModelCard(id="closed-1", name="Closed", owned_by="shop"),
            ModelCard(id="llama3:8b", name="Llama", owned_by="ollama"),
        ]

    async def list_models(self) -> Sequence[ModelCard]:
        return self.cards

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        return SourceResponse(body=b"{}")


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS": "true",
        "PORTICO_PLUGINS_ONLY": "accounts,password,models",
    }


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def app(app: InProcessApp, shop: Shop) -> InProcessApp:
    app.portico.catalogue.add_source("test", shop)
    return app


AddGroup = Callable[..., str]


@pytest.fixture
def add_group(app: InProcessApp, admin: Client) -> AddGroup:
    """Create a group: `add_group(ann, sharing={"models": True})`. Returns its id."""

    def make(*members: Client, **permissions: Any) -> str:
        groups = app.portico.identity.groups

        async def work() -> str:
            group = await groups.create(
                name="crew", description="", by=admin.account["id"], permissions=permissions
            )
            await groups.add_members(group.id, [one.account["id"] for one in members])
            return str(group.id)

        return str(app.run(work))

    return make


def form(model_id: str = "legal-desk", **changes: Any) -> dict[str, Any]:
    """A preset on the open model, private."""
    return {
        "id": model_id,
        "name": "Legal desk",
        "base_model_id": "open-1",
        "meta": {"description": "Lex", "tags": [{"name": "Lex"}]},
        "params": {"system": "Be brief.", "temperature": 0.2},
        "access_control": {},
    } | changes


def readers(*clients: Client) -> dict[str, Any]:
    return {"read": {"user_ids": [one.account["id"] for one in clients]}}


def writers(*clients: Client) -> dict[str, Any]:
    return {"write": {"user_ids": [one.account["id"] for one in clients]}}


def plugin_of(app: InProcessApp) -> ModelsPlugin:
    """Return the objects of the plugin in this application."""
    contributions = {one.plugin_name: one for one in app.portico.contributions}
    plugin = contributions["models"].components
    assert isinstance(plugin, ModelsPlugin)
    return plugin


def actor(client: Client) -> Actor:
    account = client.account
    return Actor(account["id"], account["email"], account["name"], account["role"], "", "")
