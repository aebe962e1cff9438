"""Finding, admitting, asking and assembling plugins: what an operator sees when one is not right."""

from collections.abc import Callable

import pytest

from portico.testing import InProcessApp

Install = Callable[..., None]
GOOD = """
    from portico.api import PluginInfo, get, hookimpl
    PLUGIN = PluginInfo(api_version=1, summary="Fine.")
    @hookimpl
    def register_routes():
        @get("/api/x/{name}/hello", access="public")
        async def hello() -> str:
            return "hello"
        return [hello]
"""


@pytest.fixture
def database_url() -> str:
    """The lodge does not care which database there is."""
    return ""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_STRICT": "false"}


@pytest.fixture
def opened(env: dict[str, str]):
    apps = []

    def open_house(**settings: str) -> InProcessApp:
        apps.append(InProcessApp(env | settings))
        return apps[-1]

    yield open_house
    for app in apps:
        app.close()


def reason(app: InProcessApp, name: str) -> str:
    record = app.portico.register[name]
    assert record.state == "failed", record
    return record.reason


def test_a_strangers_plugin_serves_its_route(install: Install, opened) -> None:
    install("good", GOOD.replace("{name}", "good"))
    app = opened()
    assert app.client.get("/api/x/good/hello").status == 200
    assert app.portico.register["good"].brings["routes"] == ["GET /api/x/good/hello"]


def test_a_disabled_plugin_is_not_even_imported(install: Install, opened) -> None:
    install("loud", "raise SystemExit('imported')")
    app = opened(PORTICO_PLUGINS_DISABLE="loud")
    record = app.portico.register["loud"]
    assert (record.state, record.reason) == ("disabled", "named in plugins.disable")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1", "has no constant PLUGIN"),
        (
            "from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=99, summary='')",
            "plugin API 99",
        ),
        (
            "from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=1, summary='', requires=('ldap9',))",
            "requires 'ldap9', which is not installed",
        ),
    ],
)
def test_ft27_a_plugin_that_cannot_come_in_is_set_aside_and_the_rest_serves(
    install: Install, opened, source: str, expected: str
) -> None:
    install("odd", source)
    app = opened()
    assert expected in reason(app, "odd")
    assert app.client.get("/health").json == {"status": True}
    ready = app.client.get("/ready")
    assert ready.status == 200
    assert [r["plugin"] for r in ready.json["reasons"]] == ["odd"]


def test_a_misspelt_hook_is_told_with_its_right_spelling(install: Install, opened) -> None:
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
        reason(opened(), "typo")
        == "there is no hook 'register_rotues'; did you mean 'register_routes'?"
    )


def test_ab81_a_route_of_the_core_stays_the_cores(install: Install, opened) -> None:
    install(
        "grab",
        """
        from portico.api import PluginInfo, get, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/health", "/api/v1/auths"))
        @hookimpl
        def register_routes():
            @get("/api/v1/auths/", access="public")
            async def mine() -> str:
                return "mine"
            return [mine]
        """,
    )
    app = opened()
    assert "route GET /api/v1/auths belongs to 'accounts' already" in reason(app, "grab")
    assert app.client.get("/api/v1/auths/").status == 401


def test_ab81_two_plugins_with_one_model_source_name_are_told_apart(
    install: Install, opened
) -> None:
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
    app = opened()
    assert app.portico.register["castor"].state == "active"
    assert reason(app, "pollux") == "model source twin belongs to 'castor' already"


def test_ab81_one_module_cannot_be_two_plugins(install: Install, opened) -> None:
    install("first", GOOD.replace("{name}", "first"), module="made_up_same")
    install("second", GOOD.replace("{name}", "first"), module="made_up_same", distribution="other")
    assert "already registered as 'first'" in reason(opened(), "second")


def test_a_route_outside_the_plugins_ground_is_refused(install: Install, opened) -> None:
    install("stray", GOOD.replace("/api/x/{name}/hello", "/api/v1/elsewhere"))
    assert "/api/v1/elsewhere lies outside /api/x/stray/" in reason(opened(), "stray")


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (
            "def register_routes(): return 5",
            "register_routes: TypeError: returned int, expected several",
        ),
        (
            "def register_model_sources(): return [object()]",
            "returned object, expected ModelSource",
        ),
        ("def register_routes(): raise RuntimeError('no')", "register_routes: RuntimeError: no"),
        ("def register_tables(): return 'tables'", "returned str, expected a TableSet"),
        ("async def startup(): raise OSError('no disk')", "startup: OSError: no disk"),
        ("def register_routes(nonsense): return []", "nonsense"),
    ],
)
def test_ab82_a_hook_that_fails_or_returns_nonsense_sets_its_plugin_aside_whole(
    install: Install, opened, hook: str, expected: str
) -> None:
    install(
        "wild",
        f"""
        from portico.api import PluginInfo, get, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        {hook}
        """,
    )
    app = opened()
    assert expected in reason(app, "wild")
    assert app.client.get("/ready").status == 200


def test_ab80_a_route_that_says_nothing_about_access_is_for_verified_accounts(
    install: Install, opened
) -> None:
    install("shy", GOOD.replace("{name}", "shy").replace(', access="public"', ""))
    app = opened()
    assert app.client.get("/api/x/shy/hello").status == 401
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/x/shy/hello").status == 200
    waiting = ada.add_person("Pia", role="pending")
    assert waiting.get("/api/x/shy/hello").status == 403


def test_ab82_what_a_plugins_route_raises_stays_inside(install: Install, opened, capsys) -> None:
    install(
        "leaky",
        """
        from litestar import Response
        from portico.api import PluginInfo, get, hookimpl
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
    app = opened()
    answer = app.client.get("/api/x/leaky/secret")
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    headers = app.client.get("/api/x/leaky/headers").headers
    assert headers["x-request-id"] != "forged"
    assert headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in "".join(capsys.readouterr())


def test_a_plugin_whose_requirement_failed_is_set_aside_too(install: Install, opened) -> None:
    install("base", "raise RuntimeError('broken')")
    install(
        "upper",
        """
        from portico.api import PluginInfo
        PLUGIN = PluginInfo(api_version=1, summary="", requires=("base",))
        """,
    )
    assert reason(opened(), "upper") == "it requires 'base', which is failed"


def test_plugins_that_require_each_other_are_told_so(install: Install, opened) -> None:
    for one, other in (("hen", "egg"), ("egg", "hen")):
        install(
            one,
            f"from portico.api import PluginInfo\nPLUGIN = PluginInfo(api_version=1, summary='', requires=('{other}',))",
        )
    assert "require each other in a ring" in reason(opened(), "hen")


def test_ft30_a_plugin_with_a_broken_migration_is_off_and_its_changes_are_undone(
    install: Install, opened, tmp_path
) -> None:
    install(
        "ruin",
        """
        from piccolo.columns import Text
        from piccolo.table import Table
        from portico.api import PluginInfo, TableSet, get, hookimpl
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
    app = opened()
    assert "its migration failed" in reason(app, "ruin")
    assert app.client.get("/api/x/ruin/hello").status == 404

    async def tables() -> list:
        from portico.db import fetch_all

        return await fetch_all("SELECT name FROM sqlite_master WHERE name = 'ruin_thing'")

    assert app.call(tables) == []


def test_a_required_plugin_that_fails_stops_the_start(install: Install, opened) -> None:
    from portico.app import CannotStart

    install("vital", "raise RuntimeError('no')")
    with pytest.raises(
        CannotStart, match="plugin 'vital' is needed and failed: import: RuntimeError: no"
    ):
        opened(PORTICO_PLUGINS_REQUIRED="vital")


def test_a_plugin_name_that_nobody_has_is_an_error(opened) -> None:
    from portico.app import CannotStart

    with pytest.raises(
        CannotStart, match="no plugin named 'chatz' is installed; there are .*chats"
    ):
        opened(PORTICO_PLUGINS_DISABLE="chatz")


def test_without_chats_their_routes_are_gone_and_the_rest_works(opened) -> None:
    app = opened(PORTICO_PLUGINS_DISABLE="chats")
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/v1/chats/").status == 404
    assert ada.get("/api/models").status == 200


def test_a_plugin_whose_policies_are_wrong_is_set_aside_and_the_law_of_the_rest_holds(
    install: Install, opened
) -> None:
    install(
        "rebel",
        """
        from portico.api import PluginInfo, PolicyLine, get, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="")
        @hookimpl
        def register_policies():
            return [PolicyLine("model", "read", "whoever-comes")]
        """,
    )
    app = opened()
    assert "whoever-comes" in reason(app, "rebel")
    ada = app.client.sign_up("Ada")
    assert ada.get("/api/models").status == 200
    assert ada.post("/api/v1/chats/new", {"chat": {}}).status == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/docs", "/openapi.json"])
def test_ab81_nobody_takes_a_route_of_the_house_itself(install: Install, opened, path: str) -> None:
    source = GOOD.replace("/api/x/{name}/hello", path).replace(
        'summary="Fine."', f'summary="", claims=("{path}",)'
    )
    install("squat", source)
    app = opened()
    assert reason(app, "squat") == f"route GET {path} belongs to 'portico' already"
    assert b"hello" not in app.client.get(path).body[:5]


def test_ab81_a_parameter_of_another_type_does_not_make_another_route(
    install: Install, opened
) -> None:
    install(
        "odd",
        """
        from litestar.params import FromPath
        from portico.api import PluginInfo, get, hookimpl
        PLUGIN = PluginInfo(api_version=1, summary="", route_prefixes=("/api/v1/chats",))
        @hookimpl
        def register_routes():
            @get("/api/v1/chats/{other:int}")
            async def one(other: FromPath[int]) -> str:
                return "mine"
            return [one]
        """,
    )
    app = opened()
    assert reason(app, "odd") == "route GET /api/v1/chats/{} belongs to 'chats' already"
    assert app.client.sign_up("Ada").get("/api/v1/chats/5").status == 404


def test_what_a_plugin_gave_to_the_house_is_taken_back_when_it_fails_to_start(
    install: Install, opened
) -> None:
    install(
        "warden",
        """
        from portico.api import InvalidRequest, PasswordRule, PluginInfo, Service, hookimpl
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
    app = opened()
    assert "no dictionary" in reason(app, "warden")
    assert app.client.sign_up("Ada").token
