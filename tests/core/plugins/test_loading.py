"""Loading plugins: discovery, import, hooks and conflicts, and what an operator sees of a plugin that fails."""

from collections.abc import Callable

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp

Install = Callable[..., None]
GOOD = """
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import get
    PLUGIN = PluginInfo(api_version=1, summary="Fine.")
    @hookimpl
    def register_routes():
        @get("/api/x/{name}/hello", access="public")
        async def hello() -> str:
            return "hello"
        return [hello]
"""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_STRICT": "false"}


def reason(app: InProcessApp, name: str) -> str:
    record = app.portico.registry[name]
    assert record.state == "failed", record
    return record.reason


def test_third_party_plugin_serves_its_route(install: Install, start_app) -> None:
    install("good", GOOD.replace("{name}", "good"))
    app = start_app()
    assert app.client.get("/api/x/good/hello").status == 200
    assert app.portico.registry["good"].provides["routes"] == ["GET /api/x/good/hello"]


def test_disabled_plugin_is_not_imported(install: Install, start_app) -> None:
    install("loud", "raise SystemExit('imported')")
    app = start_app(PORTICO_PLUGINS_DISABLE="loud")
    record = app.portico.registry["loud"]
    assert (record.state, record.reason) == ("disabled", "named in plugins.disable")


@pytest.mark.parametrize(
    ("source", "expected", "fault", "at"),
    [
        (
            "import json\nimport not_installed_anywhere",
            "No module named 'not_installed_anywhere'",
            "import",
            "made_up_odd.py:2",
        ),
        ("\ndef broken(:", "SyntaxError", "import", "made_up_odd.py:2"),
        ("import json\njson.loads('{')", "JSONDecodeError", "import", "made_up_odd.py:2"),
        ("raise SystemExit(3)", "SystemExit", "import", "made_up_odd.py:1"),
        ("x = 1", "has no constant PLUGIN", "import", "made_up_odd.py:1"),
        (
            "from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=99, summary='')",
            "plugin API 99",
            "api version",
            "made_up_odd.py:1",
        ),
        (
            "from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=1, summary='', requires=('ldap9',))",
            "requires 'ldap9', which is not installed",
            "requirement",
            "",
        ),
    ],
)
@pytest.mark.case("FT-27")
def test_plugin_that_cannot_be_imported_fails_and_the_rest_serves(
    install: Install, start_app, source: str, expected: str, fault: str, at: str
) -> None:
    install("odd", source)
    app = start_app()
    assert expected in reason(app, "odd")
    described = app.portico.registry["odd"].described()
    assert (described["fault"], described["at"]) == (fault, at)
    assert app.client.get("/health").json == {"status": True}
    ready = app.client.get("/ready")
    assert ready.status == 200
    assert ready.json["reasons"] == [
        {"check": "plugin", "plugin": "odd", "critical": False, "reason": "failed", "fault": fault}
    ]


def test_misspelt_hook_is_reported_with_the_closest_name(install: Install, start_app) -> None:
    install(
        "typo",
        """
        from portico.api import PluginInfo, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        def register_rotues(): return []
        """,
    )
    assert (
        reason(start_app(), "typo")
        == "there is no hook 'register_rotues'; did you mean 'register_routes'?"
    )


@pytest.mark.case("AB-81")
def test_plugin_cannot_replace_a_route_of_another_plugin(install: Install, start_app) -> None:
    install(
        "grab",
        """
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/health", "/api/v1/auths"))
        @hookimpl
        def register_routes():
            @get("/api/v1/auths/", access="public")
            async def mine() -> str:
                return "mine"
            return [mine]
        """,
    )
    app = start_app()
    assert "route GET /api/v1/auths belongs to 'accounts' already" in reason(app, "grab")
    assert app.client.get("/api/v1/auths/").status == 401


@pytest.mark.case("AB-81")
def test_second_model_source_of_the_same_name_fails(install: Install, start_app) -> None:
    source = """
        from portico.api import PluginInfo, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="")
        class Source:
            name = "twin"
            async def list_models(self): return []
            async def complete(self, completion): ...
        @hookimpl
        def register_model_sources(): return [Source()]
    """
    install("castor", source)
    install("pollux", source)
    app = start_app()
    assert app.portico.registry["castor"].state == "active"
    assert reason(app, "pollux").startswith("model source twin belongs to 'castor' already;")


@pytest.mark.case("AB-81")
def test_one_module_cannot_be_two_plugins(install: Install, start_app) -> None:
    install("first", GOOD.replace("{name}", "first"), module="made_up_same")
    install("second", GOOD.replace("{name}", "first"), module="made_up_same", distribution="other")
    assert "already registered as 'first'" in reason(start_app(), "second")


def test_route_outside_the_plugin_prefixes_is_refused(install: Install, start_app) -> None:
    install("stray", GOOD.replace("/api/x/{name}/hello", "/api/v1/elsewhere"))
    assert "/api/v1/elsewhere is outside /api/x/stray/" in reason(start_app(), "stray")


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (
            "def register_routes(): return 5",
            "register_routes: it returned an int; return a list of route handlers",
        ),
        (
            "def register_model_sources(): return [object()]",
            "item 1 is an object without name, list_models, complete; return a list of ModelSource",
        ),
        ("def register_routes(): raise RuntimeError('no')", "register_routes: RuntimeError: no"),
        ("def register_tables(): return 'tables'", "it returned a str; return a TableSet, or None"),
        ("async def startup(): raise OSError('no disk')", "startup: OSError: no disk"),
        ("def register_routes(nonsense): return []", "nonsense"),
    ],
)
@pytest.mark.case("AB-82")
def test_hook_that_raises_or_returns_a_wrong_type_fails_its_plugin(
    install: Install, start_app, hook: str, expected: str
) -> None:
    install(
        "wild",
        f"""
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        {hook}
        """,
    )
    app = start_app()
    assert expected in reason(app, "wild")
    assert app.client.get("/ready").status == 200


@pytest.mark.case("AB-80")
def test_route_without_access_is_for_verified_accounts(install: Install, start_app) -> None:
    install("shy", GOOD.replace("{name}", "shy").replace(', access="public"', ""))
    app = start_app()
    assert app.client.get("/api/x/shy/hello").status == 401
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/x/shy/hello").status == 200
    waiting = ada.add_user("Pia", role="pending")
    assert waiting.get("/api/x/shy/hello").status == 403


@pytest.mark.case("AB-82")
def test_exception_in_a_plugin_route_is_not_shown_to_clients(
    install: Install, start_app, capsys
) -> None:
    install(
        "leaky",
        """
        from litestar import Response
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        def register_routes():
            @get("/api/x/leaky/secret", access="public")
            async def secret() -> str:
                raise RuntimeError("password is hunter2")
            @get("/api/x/leaky/headers", access="public")
            async def headers() -> Response[str]:
                return Response("x", headers={"x-request-id": "forged", "x-content-type-options": "sniff"})
            return [secret, headers]
        """,
    )
    app = start_app()
    answer = app.client.get("/api/x/leaky/secret")
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    headers = app.client.get("/api/x/leaky/headers").headers
    assert headers["x-request-id"] != "forged"
    assert headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in "".join(capsys.readouterr())


def test_plugin_whose_requirement_failed_fails_too(install: Install, start_app) -> None:
    install("base", "raise RuntimeError('broken')")
    install(
        "upper",
        """
        from portico.api import PluginInfo
        PLUGIN = PluginInfo(api_version=1, summary="", requires=("base",))
        """,
    )
    assert reason(start_app(), "upper") == "it requires 'base', which has failed"


def test_plugins_that_require_each_other_fail(install: Install, start_app) -> None:
    for one, other in (("hen", "egg"), ("egg", "hen")):
        install(
            one,
            f"from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=1, summary='', requires=('{other}',))",
        )
    assert "require each other in a cycle" in reason(start_app(), "hen")


@pytest.mark.case("FT-30")
def test_plugin_with_a_broken_migration_fails_and_its_changes_are_undone(
    install: Install, start_app, tmp_path
) -> None:
    install(
        "ruin",
        """
        from piccolo.columns import Text
        from piccolo.table import Table
        from portico.api import PluginInfo, hookimpl
        from portico.api.db import TableSet
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="")
        class Ruin(Table, tablename="ruin_thing"):
            id = Text(primary_key=True)
        @hookimpl
        def register_tables(): return TableSet(tables=(Ruin,), migrations="made_up_ruin_migrations")
        @hookimpl
        def register_routes():
            @get("/api/x/ruin/hello", access="public")
            async def hello() -> str:
                return "hello"
            return [hello]
        """,
    )
    steps = tmp_path / "site" / "made_up_ruin_migrations"
    steps.mkdir()
    (steps / "__init__.py").write_text("")
    (steps / "0001_initial.sql").write_text(
        "CREATE TABLE ruin_thing (id TEXT PRIMARY KEY); CREATE NONSENSE;"
    )
    app = start_app()
    assert "its migration failed" in reason(app, "ruin")
    assert app.client.get("/api/x/ruin/hello").status == 404

    async def tables() -> list:
        from portico.db import fetch_all

        return await fetch_all("SELECT name FROM sqlite_master WHERE name = 'ruin_thing'")

    assert app.run(tables) == []


def test_required_plugin_that_fails_stops_the_start(install: Install, start_app) -> None:
    from portico.boot import CannotStart

    install("vital", "raise RuntimeError('no')")
    with pytest.raises(
        CannotStart, match="plugin 'vital' is required and failed: import: RuntimeError: no"
    ):
        start_app(PORTICO_PLUGINS_REQUIRED="vital")


def test_unknown_plugin_name_in_settings_stops_the_start(start_app) -> None:
    from portico.boot import CannotStart

    with pytest.raises(
        CannotStart, match="no plugin named 'chatz' is installed; installed are .*chats"
    ):
        start_app(PORTICO_PLUGINS_DISABLE="chatz")


def test_disabled_chats_plugin_has_no_routes_and_the_rest_works(start_app) -> None:
    app = start_app(PORTICO_PLUGINS_DISABLE="chats")
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/v1/chats/").status == 404
    assert ada.get("/api/models").status == 200


def test_plugin_with_an_invalid_policy_fails_and_the_other_policies_stay(
    install: Install, start_app
) -> None:
    install(
        "rebel",
        """
        from portico.api import PluginInfo, hookimpl
        from portico.api.policy import PolicyRule
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        def register_policies():
            return [PolicyRule("model", "read", "not-a-subject")]
        """,
    )
    app = start_app()
    assert "not-a-subject" in reason(app, "rebel")
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/models").status == 200
    assert ada.post("/api/v1/chats/new", {"chat": {}}).status == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/docs", "/openapi.json"])
@pytest.mark.case("AB-81")
def test_plugin_cannot_replace_a_route_of_the_core(install: Install, start_app, path: str) -> None:
    source = GOOD.replace("/api/x/{name}/hello", path).replace(
        'summary="Fine."', f'summary="", route_prefixes=("{path}",)'
    )
    install("squat", source)
    app = start_app()
    assert reason(app, "squat").startswith(f"route GET {path} belongs to 'portico' already;")
    assert b"hello" not in app.client.get(path).body[:5]


@pytest.mark.case("AB-81")
def test_parameter_of_another_type_is_the_same_route(install: Install, start_app) -> None:
    install(
        "odd",
        """
        from litestar.params import FromPath
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import get
        PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/api/v1/chats",))
        @hookimpl
        def register_routes():
            @get("/api/v1/chats/{other:int}")
            async def one(other: FromPath[int]) -> str:
                return "mine"
            return [one]
        """,
    )
    app = start_app()
    assert reason(app, "odd").startswith("route GET /api/v1/chats/{} belongs to 'chats' already;")
    assert app.client.sign_up("Ada").get("/api/v1/chats/5").status == 404


def test_services_of_a_plugin_that_fails_at_startup_are_removed(
    install: Install, start_app
) -> None:
    install(
        "warden",
        """
        from portico.api import InvalidRequest, PluginInfo, Service, hookimpl
        from portico.api.auth import PasswordRule
        PLUGIN = PluginInfo(api_version=1, summary="")
        def never(password):
            raise InvalidRequest("no password is good enough")
        @hookimpl
        def register_services():
            return [Service(PasswordRule, never)]
        @hookimpl
        def startup():
            raise OSError("no dictionary")
        """,
    )
    app = start_app()
    assert "no dictionary" in reason(app, "warden")
    assert app.client.sign_up("Ada").token
