"""Loading settings: layers, unknown keys, invalid values and plugins' settings."""

from pathlib import Path
from typing import Annotated, Any

import pytest

from portico.settings.describe import describe
from portico.settings.load import LoadedSettings, load_settings
from portico.settings.problems import BadSettings
from portico.settings.schema import CoreSettings
from portico.settings.section import Secret, Section, setting


class EchoSettings(Section):
    """Settings of a plugin that does not exist."""

    times: Annotated[int, setting("Repetitions", ge=1, le=10)] = 1
    keys: Annotated[
        list[Secret], setting("One key for each address", env="ECHO_KEYS", separator=";")
    ] = []
    sources: Annotated[list[dict[str, str]], setting("Addresses")] = []


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(toml: str = "", **environ: str) -> LoadedSettings:
    if toml:
        Path("portico.toml").write_text(toml)
    return load_settings(environ)


def problems(toml: str = "", **environ: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load(toml, **environ)
    return [str(problem) for problem in caught.value.problems]


def test_defaults_without_file_and_environment() -> None:
    loaded = load()
    assert loaded.settings == CoreSettings()
    assert loaded.file is None
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_environment_overrides_file_overrides_default() -> None:
    loaded = load("[server]\nport = 81\nworkers = 2", PORT="82")
    assert (loaded.settings.server.port, loaded.settings.server.workers) == (82, 2)
    assert str(loaded.origins["server.port"]) == "environment PORT"
    assert str(loaded.origins["server.workers"]) == "portico.toml"
    assert str(loaded.origins["server.host"]) == "default"


def test_setting_without_env_has_derived_variable() -> None:
    loaded = load(
        PORTICO_SERVER_MAX_JSON_DEPTH="9", PORTICO_SERVER_SHUTDOWN_TIMEOUT="3", PORTICO_STRICT="on"
    )
    assert loaded.settings.server.max_json_depth == 9
    assert loaded.settings.server.shutdown_timeout == 3.0
    assert loaded.settings.plugins.strict


def test_first_set_variable_is_used() -> None:
    both = {"WEBUI_AUTH_COOKIE_SECURE": "no", "WEBUI_SESSION_COOKIE_SECURE": "yes"}
    assert not load(**both).settings.server.secure_cookies
    both["WEBUI_AUTH_COOKIE_SECURE"] = ""
    loaded = load(**both)
    assert loaded.settings.server.secure_cookies
    assert loaded.origins["server.secure_cookies"].name == "WEBUI_SESSION_COOKIE_SECURE"


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_empty_variable_is_not_set(empty: str) -> None:
    toml = """
        [server]\nhost = "::1"\nport = 81\n[identity]\nsecret_key = "s"\nenable_signup = true
        [log]\nlevel = "error"\n[database]\nurl = "sqlite:///x"\n[plugins]\nonly = ["a"]
    """
    names = ["HOST", "PORT", "WEBUI_SECRET_KEY", "GLOBAL_LOG_LEVEL", "DATABASE_URL", "ENABLE_SIGNUP",
             "PORTICO_PLUGINS_ONLY", "JWT_EXPIRES_IN"]  # fmt: skip
    loaded = load(toml, **dict.fromkeys(names, empty))
    settings = loaded.settings
    assert (settings.server.host, settings.server.port) == ("::1", 81)
    assert settings.identity.secret_key == Secret("s")
    assert settings.identity.enable_signup is True
    assert settings.identity.session_lifetime == "4w"
    assert settings.log.level == "error"
    assert settings.database.url == "sqlite:///x"
    assert settings.plugins.only == ["a"]
    assert loaded.origins["identity.session_lifetime"].kind == "default"


def test_empty_variable_is_a_value_where_the_setting_declares_it() -> None:
    loaded = load(MODELS_CACHE_TTL="")
    assert loaded.settings.catalogue.cache_ttl is None
    assert loaded.origins["catalogue.cache_ttl"].name == "MODELS_CACHE_TTL"


def test_config_option_overrides_variable_overrides_default_file(tmp_path: Path) -> None:
    for name in ("portico", "variable", "named"):
        Path(f"{name}.toml").write_text(f'name = "{name}"')
    variable = {"PORTICO_CONFIG": str(tmp_path / "variable.toml")}
    assert load_settings({}).settings.name == "portico"
    assert load_settings(variable).settings.name == "variable"
    assert load_settings(variable, Path("named.toml")).settings.name == "named"


def test_missing_named_file_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"gone\.toml \(--config\): cannot be read: No such file"):
        load_settings({}, Path("gone.toml"))
    assert problems(PORTICO_CONFIG="gone.toml", PORT="x") == [
        "gone.toml (environment PORTICO_CONFIG): cannot be read: No such file or directory",
        'server.port (environment PORT) = "x": expected an integer from 0 to 65535',
    ]


def test_invalid_toml_is_refused_with_line() -> None:
    assert problems("[server]\nport = eighty")[0].startswith("portico.toml: line 2, column 8: ")
    Path("portico.toml").write_bytes(b'name = "x"\n\n# \xff')
    assert problems() == ["portico.toml: line 3 is not valid UTF-8"]


@pytest.mark.parametrize("toml", ["a = " + "[" * 3000, "a = " + "9" * 5000])
def test_extreme_toml_is_refused(toml: str) -> None:
    assert problems(toml)[0].startswith("portico.toml: ")


def test_byte_order_mark_is_accepted() -> None:
    Path("portico.toml").write_bytes(b'\xef\xbb\xbfname = "x"\r\n')
    assert load().settings.name == "x"


def test_process_environment_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "83")
    assert load_settings().settings.server.port == 83
    assert load_settings({}).settings.server.port == 8080


def test_command_line_overrides_environment() -> None:
    loaded = load_settings({"PORT": "81"}, overrides={"PORT": "82"})
    assert loaded.settings.server.port == 82
    assert str(loaded.origins["server.port"]) == "command line PORT"
    with pytest.raises(BadSettings, match=r"server\.port \(command line PORT\) = "):
        load_settings({}, overrides={"PORT": "x"})


def test_all_problems_are_reported_together() -> None:
    toml = '[server]\nprot = 1\nport = "81"\n[databse]\nurl = "x"\n[log]\nlevel = "loud"'
    assert problems(toml, UVICORN_WORKERS="0", WEBUI_AUTH_COOKIE_SAME_SITE="any") == [
        "databse (portico.toml): there is no such setting; did you mean database?",
        'server.port (portico.toml) = "81": expected an integer from 0 to 65535',
        'server.workers (environment UVICORN_WORKERS) = "0": expected an integer from 1 to 256',
        "server.cookie_same_site (environment WEBUI_AUTH_COOKIE_SAME_SITE) = "
        '"any": expected one of "lax", "none", "strict"',
        "server.prot (portico.toml): there is no such setting; did you mean server.port?",
        'log.level (portico.toml) = "loud": expected one of "debug", "error", "info", "warning"',
    ]


@pytest.mark.parametrize(
    ("toml", "meant"),
    [
        ("port = 80", "server.port"),
        ("[server]\npool_size = 3", "database.pool_size"),
        ("[plugins]\ndisabled = ['x']", "plugins.disable"),
        ("nane = 'x'", "name"),
    ],
)
def test_unknown_key_is_reported_with_suggestion(toml: str, meant: str) -> None:
    assert problems(toml)[0].endswith(f"there is no such setting; did you mean {meant}?")


def test_value_of_unknown_key_is_not_shown() -> None:
    assert "hunter2" not in problems("[identity]\nsecretkey = 'hunter2'")[0]


def test_section_that_is_not_a_table_is_refused() -> None:
    assert problems("server = 5") == ["server (portico.toml) = 5: expected a table, [server]"]
    assert problems("[[server]]") == ["server (portico.toml) = [{}]: expected a table, [server]"]
    assert problems("plugins = 1") == ["plugins (portico.toml) = 1: expected a table, [plugins]"]


def test_invalid_file_value_is_reported_although_overridden() -> None:
    assert len(problems("[server]\nport = -1", PORT="80")) == 1


def test_long_or_unprintable_value_is_shortened_and_escaped() -> None:
    long = problems(PORT="9" * 9999)[0]
    assert "…" in long
    assert len(long) < 300
    assert problems(PORT="\x1b[31m\x9b\n")[0].isprintable()
    assert problems('"\\u001b[31m\\n" = 1')[0].isprintable()


def test_variable_that_is_not_utf8_is_refused() -> None:
    assert problems(WEBUI_NAME="\udcff")[0].endswith("; it is not valid UTF-8")


def test_secret_is_in_no_error_and_no_repr() -> None:
    assert problems("[identity]\nsecret_key = 12345678") == [
        "identity.secret_key (portico.toml) = ********: expected text"
    ]
    loaded = load("[identity]\nsecret_key = 'hunter2'\n[plugins.x]\nkey = 'hunter2'", A="hunter2")
    assert "hunter2" not in repr(loaded) + repr(loaded.settings)


# Plugins


def test_plugin_settings_come_from_the_same_layers() -> None:
    loaded = load("[plugins.echo]\ntimes = 2", ECHO_KEYS=";b;")
    assert loaded.plugin_tables == {"echo": {"times": 2}}
    echo = loaded.plugin("echo", EchoSettings)
    assert echo == EchoSettings(times=2, keys=[Secret(""), Secret("b"), Secret("")])
    assert str(loaded.origins["plugins.echo.times"]) == "portico.toml"
    assert str(loaded.origins["plugins.echo.keys"]) == "environment ECHO_KEYS"
    assert str(loaded.origins["plugins.echo.sources"]) == "default"


def test_plugin_variable_has_the_plugin_name() -> None:
    assert load(PORTICO_ECHO_TIMES="3").plugin("echo", EchoSettings).times == 3
    assert load(PORTICO_MY_ECHO_TIMES="4").plugin("my-echo", EchoSettings).times == 4


def test_plugin_table_is_not_checked_by_the_core() -> None:
    loaded = load("[plugins]\ndisable = ['ldap']\n[plugins.absent]\nx = 1")
    assert loaded.settings.plugins.disable == ["ldap"]


def test_invalid_plugin_settings_are_reported_with_keys() -> None:
    loaded = load(
        "[plugins.echo]\ntime = 1\nsources = [{ url = 5 }]",
        PORTICO_ECHO_TIMES="11",
        ECHO_KEYS="[1]",
    )
    with pytest.raises(BadSettings) as caught:
        loaded.plugin("echo", EchoSettings)
    assert [str(problem) for problem in caught.value.problems] == [
        'plugins.echo.times (environment PORTICO_ECHO_TIMES) = "11": '
        "expected an integer from 1 to 10",
        "plugins.echo.keys (environment ECHO_KEYS) = ********: expected a list, each item text"
        "; at [0]",
        'plugins.echo.sources (portico.toml) = [{"url": 5}]: expected a list, each item a table '
        "(in a variable: JSON); at [0][...]: expected `str`, got `int`",
        "plugins.echo.time (portico.toml): there is no such setting"
        "; did you mean plugins.echo.times?",
    ]


def test_invalid_json_table_is_not_shown() -> None:
    with pytest.raises(BadSettings, match="it is not JSON") as caught:
        load(PORTICO_ECHO_SOURCES="[{'url': 'hunter2'}]").plugin("echo", EchoSettings)
    assert "hunter2" not in str(caught.value)


def test_required_setting_must_be_set() -> None:
    class Needy(Section):
        url: Annotated[str, setting("Address")]

    with pytest.raises(BadSettings, match="must be set, also possible as PORTICO_NEEDY_URL"):
        load().plugin("needy", Needy)
    assert load(PORTICO_NEEDY_URL="u").plugin("needy", Needy).url == "u"


def test_schema_may_refuse_a_combination_of_values() -> None:
    class Range(Section):
        least: int = 0
        most: int = 9

        def __post_init__(self) -> None:
            if self.least > self.most:
                raise ValueError("least is more than most")

    with pytest.raises(BadSettings, match=r"plugins\.range: least is more than most"):
        load(PORTICO_RANGE_LEAST="10").plugin("range", Range)


def test_every_plain_type_can_be_a_setting() -> None:
    class Wide(Section):
        anything: Any = None
        nested: EchoSettings = EchoSettings()
        either: int | str = 0
        perhaps: Annotated[int | None, setting("Perhaps", ge=1)] = 1
        names: frozenset[str] = frozenset()

    wide = load(
        PORTICO_W_ANYTHING='{"a": [1]}',
        PORTICO_W_NESTED='{"times": 3}',
        PORTICO_W_EITHER="auto",
        PORTICO_W_PERHAPS="4",
        PORTICO_W_NAMES="a, b,",
    ).plugin("w", Wide)
    assert wide == Wide(
        anything={"a": [1]},
        nested=EchoSettings(times=3),
        either="auto",
        perhaps=4,
        names=frozenset({"a", "b"}),
    )
    with pytest.raises(BadSettings, match="expected an integer of at least 1 or nothing"):
        load(PORTICO_W_PERHAPS="0").plugin("w", Wide)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DATABASE_URL", "postgres:u:pw-one\x01@h/db"),
        ("DATABASE_DIRECT_URL", "u:pw-one\x01@h/db"),
        ("REDIS_URL", "redis:u:pw-one\x01@h"),
        ("WEBSOCKET_REDIS_URL", "pw-one\x01@h"),
        ("http_proxy", "u:pw-one x@proxy"),
        ("WEBUI_URL", "pw-one@host"),
    ],
)
def test_invalid_address_that_may_hold_a_password_is_not_shown(variable: str, text: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load_settings({variable: text})
    assert variable in str(refused.value) and "pw-one" not in str(refused.value)


def test_invalid_setting_of_a_part_keeps_its_default_and_is_reported() -> None:
    class TwoParts(Section):
        url: Annotated[str, setting("URL", form="url", part="one")] = ""
        size: Annotated[int, setting("size", part="two")] = 3
        shared: Annotated[int, setting("shared")] = 4

    loaded = load(PORTICO_PARTS_URL="nowhere", PORTICO_PARTS_SIZE="large")
    settings = loaded.plugin("parts", TwoParts)
    assert (settings.url, settings.size) == ("", 3)
    [fault] = loaded.part_problems("parts")["two"]
    assert "plugins.parts.size (environment PORTICO_PARTS_SIZE)" in str(fault)
    assert loaded.part_problems("parts").keys() == {"one", "two"}
    assert not load(PORTICO_PARTS_SIZE="5").part_problems("parts")
    with pytest.raises(BadSettings, match=r"(?s)plugins.parts.size.*plugins.parts.shared"):
        load(PORTICO_PARTS_SHARED="x", PORTICO_PARTS_SIZE="y").plugin("parts", TwoParts)
    with pytest.raises(BadSettings, match="plugins.parts.size"):
        describe(loaded, {"parts": TwoParts})
