"""Where values come from, and which one wins."""

from pathlib import Path
from typing import Annotated, Any

import pytest

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


def test_nothing_set_gives_the_defaults() -> None:
    loaded = load()
    assert loaded.settings == CoreSettings()
    assert loaded.file is None
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_the_file_beats_the_default_and_the_environment_beats_the_file() -> None:
    loaded = load("[server]\nport = 81\nworkers = 2", PORT="82")
    assert (loaded.settings.server.port, loaded.settings.server.workers) == (82, 2)
    assert str(loaded.origins["server.port"]) == "environment PORT"
    assert str(loaded.origins["server.workers"]) == "portico.toml"
    assert str(loaded.origins["server.host"]) == "default"


def test_a_setting_without_a_name_of_its_own_has_a_derived_one() -> None:
    loaded = load(PORTICO_SERVER_MAX_DEPTH="9", PORTICO_SERVER_GRACE="3", PORTICO_STRICT="on")
    assert loaded.settings.server.max_depth == 9
    assert loaded.settings.server.grace == 3.0
    assert loaded.settings.plugins.strict


def test_of_two_variables_the_first_that_is_set_wins() -> None:
    both = {"WEBUI_AUTH_COOKIE_SECURE": "no", "WEBUI_SESSION_COOKIE_SECURE": "yes"}
    assert not load(**both).settings.server.secure_cookies
    both["WEBUI_AUTH_COOKIE_SECURE"] = ""
    loaded = load(**both)
    assert loaded.settings.server.secure_cookies
    assert loaded.origins["server.secure_cookies"].name == "WEBUI_SESSION_COOKIE_SECURE"


def test_an_empty_variable_is_unset_where_empty_means_nothing() -> None:
    toml = '[server]\nhost = "::1"\nport = 81\n[identity]\nsecret_key = "s"\n[log]\nlevel = "error"'
    settings = load(toml, HOST="", PORT="", WEBUI_SECRET_KEY="", GLOBAL_LOG_LEVEL="").settings
    assert (settings.server.host, settings.server.port) == ("::1", 81)
    assert settings.identity.secret_key == Secret("s")
    assert settings.log.level == "error"


def test_an_empty_variable_is_a_value_where_empty_means_something() -> None:
    toml = (
        '[database]\nurl = "sqlite:///x"\n[identity]\nenable_signup = true\n[plugins]\nonly=["a"]'
    )
    settings = load(
        toml, DATABASE_URL="", ENABLE_SIGNUP="", PORTICO_PLUGINS_ONLY="", MODELS_CACHE_TTL=""
    ).settings
    assert settings.database.url == ""
    assert settings.identity.enable_signup is None
    assert settings.plugins.only == []
    assert settings.catalogue.ttl is None


def test_the_named_file_beats_the_variable_which_beats_the_folder(tmp_path: Path) -> None:
    for name in ("portico", "variable", "named"):
        Path(f"{name}.toml").write_text(f'name = "{name}"')
    variable = {"PORTICO_CONFIG": str(tmp_path / "variable.toml")}
    assert load_settings({}).settings.name == "portico"
    assert load_settings(variable).settings.name == "variable"
    assert load_settings(variable, Path("named.toml")).settings.name == "named"


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(BadSettings, match=r"gone\.toml \(--config\): cannot be read: No such file"):
        load_settings({}, Path("gone.toml"))
    assert problems(PORTICO_CONFIG="gone.toml", PORT="x") == [
        "gone.toml (environment PORTICO_CONFIG): cannot be read: No such file or directory",
        'server.port (environment PORT) = "x": expected an integer from 0 to 65535',
    ]


def test_a_file_that_is_not_toml_is_refused_with_its_line() -> None:
    assert problems("[server]\nport = eighty")[0].startswith("portico.toml: line 2, column 8: ")
    Path("portico.toml").write_bytes(b'name = "x"\n\n# \xff')
    assert problems() == ["portico.toml: line 3 is not valid UTF-8"]


@pytest.mark.parametrize("toml", ["a = " + "[" * 3000, "a = " + "9" * 5000])
def test_a_file_beyond_all_measure_is_refused(toml: str) -> None:
    assert problems(toml)[0].startswith("portico.toml: ")


def test_a_byte_order_mark_is_no_obstacle() -> None:
    Path("portico.toml").write_bytes(b'\xef\xbb\xbfname = "x"\r\n')
    assert load().settings.name == "x"


def test_the_environment_of_the_process_is_read_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "83")
    assert load_settings().settings.server.port == 83
    assert load_settings({}).settings.server.port == 8080


def test_the_command_line_beats_the_environment_and_says_so() -> None:
    loaded = load_settings({"PORT": "81"}, overrides={"PORT": "82"})
    assert loaded.settings.server.port == 82
    assert str(loaded.origins["server.port"]) == "command line PORT"
    with pytest.raises(BadSettings, match=r"server\.port \(command line PORT\) = "):
        load_settings({}, overrides={"PORT": "x"})


def test_all_problems_are_reported_at_once() -> None:
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
def test_an_unknown_key_comes_with_the_likely_one(toml: str, meant: str) -> None:
    assert problems(toml)[0].endswith(f"there is no such setting; did you mean {meant}?")


def test_the_value_of_an_unknown_key_is_not_shown() -> None:
    assert "hunter2" not in problems("[identity]\nsecretkey = 'hunter2'")[0]


def test_a_section_must_be_a_table() -> None:
    assert problems("server = 5") == ["server (portico.toml) = 5: expected a table, [server]"]
    assert problems("[[server]]") == ["server (portico.toml) = [{}]: expected a table, [server]"]
    assert problems("plugins = 1") == ["plugins (portico.toml) = 1: expected a table, [plugins]"]


def test_a_bad_value_is_a_problem_even_where_the_environment_overrides_it() -> None:
    assert len(problems("[server]\nport = -1", PORT="80")) == 1


def test_a_long_or_unprintable_value_is_shown_short_and_harmless() -> None:
    long = problems(PORT="9" * 9999)[0]
    assert "…" in long
    assert len(long) < 300
    assert problems(PORT="\x1b[31m\x9b\n")[0].isprintable()
    assert problems('"\\u001b[31m\\n" = 1')[0].isprintable()


def test_a_variable_that_is_not_utf8_is_refused() -> None:
    assert problems(WEBUI_NAME="\udcff")[0].endswith("; it is not valid UTF-8")


def test_a_secret_is_in_no_error_and_no_repr() -> None:
    assert problems("[identity]\nsecret_key = 12345678") == [
        "identity.secret_key (portico.toml) = ********: expected text"
    ]
    loaded = load("[identity]\nsecret_key = 'hunter2'\n[plugins.x]\nkey = 'hunter2'", A="hunter2")
    assert "hunter2" not in repr(loaded) + repr(loaded.settings)


# Plugins


def test_a_plugin_reads_its_own_settings_from_the_same_three_places() -> None:
    loaded = load("[plugins.echo]\ntimes = 2", ECHO_KEYS=";b;")
    assert loaded.plugin_tables == {"echo": {"times": 2}}
    echo = loaded.plugin("echo", EchoSettings)
    assert echo == EchoSettings(times=2, keys=[Secret(""), Secret("b"), Secret("")])
    assert str(loaded.origins["plugins.echo.times"]) == "portico.toml"
    assert str(loaded.origins["plugins.echo.keys"]) == "environment ECHO_KEYS"
    assert str(loaded.origins["plugins.echo.sources"]) == "default"


def test_the_variable_of_a_plugins_setting_has_the_plugins_name() -> None:
    assert load(PORTICO_ECHO_TIMES="3").plugin("echo", EchoSettings).times == 3
    assert load(PORTICO_MY_ECHO_TIMES="4").plugin("my-echo", EchoSettings).times == 4


def test_a_plugins_table_beside_the_choice_of_plugins_is_not_the_cores_business() -> None:
    loaded = load("[plugins]\ndisable = ['ldap']\n[plugins.nobody]\nx = 1")
    assert loaded.settings.plugins.disable == ["ldap"]


def test_a_plugins_bad_settings_name_its_keys() -> None:
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


def test_a_table_that_is_not_json_is_not_shown() -> None:
    with pytest.raises(BadSettings, match="it is not JSON") as caught:
        load(PORTICO_ECHO_SOURCES="[{'url': 'hunter2'}]").plugin("echo", EchoSettings)
    assert "hunter2" not in str(caught.value)


def test_a_setting_without_a_default_must_be_set() -> None:
    class Needy(Section):
        url: Annotated[str, setting("Address")]

    with pytest.raises(BadSettings, match="must be set, also possible as PORTICO_NEEDY_URL"):
        load().plugin("needy", Needy)
    assert load(PORTICO_NEEDY_URL="u").plugin("needy", Needy).url == "u"


def test_a_schema_may_refuse_values_that_do_not_go_together() -> None:
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
        PORTICO_W_PERHAPS="",
        PORTICO_W_NAMES="a, b,",
    ).plugin("w", Wide)
    assert wide == Wide(
        anything={"a": [1]},
        nested=EchoSettings(times=3),
        either="auto",
        perhaps=None,
        names=frozenset({"a", "b"}),
    )
    with pytest.raises(BadSettings, match="expected an integer of at least 1 or nothing"):
        load(PORTICO_W_PERHAPS="0").plugin("w", Wide)
