"""Plugins answer paths without a route, each below a prefix of its own, and never one of an API."""

from collections.abc import Callable

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp

HELP = """
    from portico.api import NotFound, PluginInfo, hookimpl

    PLUGIN = PluginInfo(api_version=1, summary="Help.", route_prefixes=("PREFIX",))

    async def respond(scope, path):
        from portico.api.web import JSONResponse
        if path == "fails":
            raise RuntimeError("a secret")
        if path == "missing":
            raise NotFound
        return JSONResponse(f"NAME:{path}".encode(), content_type=b"text/html")

    @hookimpl
    def register_fallbacks():
        from portico.api.web import Fallback
        return [Fallback("PREFIX", respond, "default-src 'none'; img-src 'self'")]
"""
Install = Callable[..., None]


def put(install: Install, name: str, prefix: str) -> None:
    install(name, HELP.replace("PREFIX", prefix).replace("NAME", name))


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,frontend,help,manual",
        "PORTICO_STRICT": "false",
    }


def reason(app: InProcessApp, plugin: str) -> str:
    return app.portico.registry[plugin].reason


def test_longest_prefix_answers_and_errors_are_those_of_its_plugin(
    env: dict[str, str], install: Install
) -> None:
    put(install, "help", "/help")
    put(install, "manual", "/help/manual")
    app = InProcessApp(env)
    try:
        client = app.client
        for path, answer in (
            ("/help", "help:"),
            ("/help/a/b", "help:a/b"),
            ("/help/manual/x", "manual:x"),
            ("/help/manuals", "help:manuals"),
        ):
            assert client.get(path).body.decode() == answer
        page = client.get("/help/a")
        assert page.headers["content-security-policy"] == "default-src 'none'; img-src 'self'"
        assert b"What runs" not in page.body and b"First steps" in client.get("/").body
        assert client.get("/help/missing").json == {"detail": "Not Found"}
        failed = client.get("/help/fails")
        assert (failed.status, failed.json) == (500, {"detail": "Internal Server Error"})
        assert client.post("/help/a", {}).status == 404
        assert client.get("/helpless").status == 404
        admin = client.sign_up("Ada")
        listed = {one["name"]: one for one in admin.get("/api/v1/plugins").json}
        assert listed["help"]["contributes"]["fallbacks"] == ["/help"]
        assert listed["help"]["counters"]["errors"] == 1
    finally:
        app.close()


def test_plugin_with_a_prefix_of_another_or_of_an_api_fails(
    env: dict[str, str], install: Install
) -> None:
    put(install, "help", "/help")
    put(install, "manual", "/help/")
    put(install, "other", "/api/x/other")
    app = InProcessApp(env | {"PORTICO_PLUGINS_ONLY": f"{env['PORTICO_PLUGINS_ONLY']},other"})
    try:
        assert app.client.get("/help/a").status == 200
        assert "belongs to" in reason(app, "manual") + reason(app, "help")
        assert "where APIs are" in reason(app, "other")
    finally:
        app.close()
