"""Placeholder routes: served while no other plugin has a route of the same method and path."""

from collections.abc import Callable

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp

Install = Callable[..., None]
HOLDER = """
    from litestar.params import FromPath
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import get, post
    PLUGIN = PluginInfo(
        api_version=1, summary="", route_prefixes=("/api/v1/things", "/api/v1/auths")
    )
    @hookimpl
    def register_routes():
        @get(["/api/v1/things", "/api/v1/things/kept"], access="public", placeholder=True)
        async def none() -> list[str]:
            return []
        @get("/api/v1/things/{name:str}", access="public", placeholder=True)
        async def one(name: FromPath[str]) -> str:
            return "placeholder"
        @post("/api/v1/things/{name:str}", access="public", placeholder=True, status_code=200)
        async def save(name: FromPath[str]) -> str:
            return "placeholder"
        @get("/api/v1/auths/", access="public", placeholder=True)
        async def session() -> str:
            return "placeholder"
        return [none, one, save, session]
"""
#: Its name comes after that of the plugin with the placeholders.
PROVIDER = """
    from litestar.params import FromPath
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import get
    PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/api/v1/things",))
    @hookimpl
    def register_routes():
        @get("/api/v1/things/", access="public")
        async def some() -> list[str]:
            return ["real"]
        @get("/api/v1/things/{number:int}", access="public")
        async def one(number: FromPath[int]) -> str:
            return "real"
        return [some, one]
"""
FAILING = (
    PROVIDER
    + """
    @hookimpl
    def startup():
        raise OSError("no disk")
"""
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_STRICT": "false",
        "PORTICO_PLUGINS_ONLY": "accounts,password,holder,provider",
    }


def test_placeholders_give_way_to_routes_of_other_plugins(
    install: Install, env: dict[str, str]
) -> None:
    install("holder", HOLDER)
    install("provider", PROVIDER)
    app = InProcessApp(env)
    client, ada = app.client, app.client.sign_up("Ada")
    try:
        assert client.get("/api/v1/things").json == ["real"]
        assert client.get("/api/v1/things/").json == ["real"]
        assert client.get("/api/v1/things/5").body == b"real"
        assert client.get("/api/v1/things/kept").json == []
        assert client.post("/api/v1/things/5").body == b"placeholder"
        assert client.get("/api/v1/auths/").status == 401
        listed = {one["name"]: one for one in ada.get("/api/v1/plugins").json}
        assert listed["holder"]["state"] == listed["provider"]["state"] == "active"
        assert listed["holder"]["contributes"] == {
            "placeholder routes": [
                "GET /api/v1/auths (served by accounts)",
                "GET /api/v1/things (served by provider)",
                "GET /api/v1/things/kept",
                "GET /api/v1/things/{str} (served by provider)",
                "POST /api/v1/things/{str}",
            ]
        }
    finally:
        app.close()


def test_placeholder_serves_when_the_plugin_of_its_path_has_failed(
    install: Install, env: dict[str, str]
) -> None:
    install("holder", HOLDER)
    install("provider", FAILING)
    app = InProcessApp(env)
    try:
        assert app.portico.registry["provider"].state == "failed"
        assert app.client.get("/api/v1/things").json == []
        assert app.client.get("/api/v1/things/5").body == b"placeholder"
        provides = app.portico.registry["holder"].provides
        assert "GET /api/v1/things" in provides["placeholder routes"]
    finally:
        app.close()
