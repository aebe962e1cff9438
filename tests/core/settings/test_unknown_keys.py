"""Unknown sections and variables are reported with a suggestion, known ones are accepted."""

from pathlib import Path
from typing import Annotated

import pytest

from portico.settings.load import load_settings
from portico.settings.section import Section, setting


class EchoSettings(Section):
    """Settings of a plugin that does not exist."""

    times: int = 1
    base: Annotated[str, setting("Address", env="ECHO_BASE")] = ""


def problems(
    tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None, loaded: str = "echo"
) -> list[tuple[str, str]]:
    """Return the problems where the plugins echo, bare and open-id are installed and `loaded` is loaded.

    Each with what it concerns: a plugin, nothing, or `ignored` if it is only a warning.
    """
    path = tmp_path / "p.toml"
    path.write_text(toml)
    settings = load_settings(environ or {}, path)
    if loaded == "echo":
        settings.plugin("echo", EchoSettings)
    unknown = settings.unknown_keys({"echo", "bare", "open-id"}, {loaded})
    by_subject = {"": unknown.problems, "ignored": unknown.ignored, **unknown.of_plugins}
    return [
        (subject, str(problem).replace(f"{tmp_path}/", ""))
        for subject, found in by_subject.items()
        for problem in found
    ]


def test_known_sections_and_variables_are_accepted(tmp_path: Path) -> None:
    environ = {"PORTICO_CONFIG": "x", "PORTICO_STRICT": "1", "PORTICO_ECHO_TIMES": "2", "PATH": "/"}
    assert problems(tmp_path, "[plugins.echo]\ntimes = 2", environ) == []


def test_settings_of_unloaded_plugin_are_ignored(tmp_path: Path) -> None:
    environ = {"PORTICO_OPEN_ID_CLIENT": "x"}
    assert problems(tmp_path, "[plugins.open-id]\nclient = 'x'", environ) == []


def test_unknown_plugin_section_is_reported_with_suggestion(tmp_path: Path) -> None:
    assert problems(tmp_path, "[plugins.ecoh]\ntimes = 2\n[plugins.zzz]") == [
        (
            "ignored",
            "plugins.ecoh (p.toml): no plugin of this name is installed; did you mean plugins.echo?",
        ),
        ("ignored", "plugins.zzz (p.toml): no plugin of this name is installed"),
    ]


def test_section_of_plugin_without_settings_is_reported(tmp_path: Path) -> None:
    assert problems(tmp_path, "[plugins.bare]\nx = 1", loaded="bare") == [
        ("bare", "plugins.bare (p.toml): this plugin has no settings; remove the section")
    ]


@pytest.mark.parametrize(
    ("plugin", "name", "meant"),
    [
        ("", "PORTICO_SERVER_SHUTDOWN_TIMOEUT", "PORTICO_SERVER_SHUTDOWN_TIMEOUT"),
        ("", "PORTICO_SERVER_PORT", "PORT"),
        ("echo", "PORTICO_ECHO_TIME", "PORTICO_ECHO_TIMES"),
        ("echo", "PORTICO_ECHO_BASE", "ECHO_BASE"),
    ],
)
def test_unknown_variable_is_reported_with_suggestion(
    tmp_path: Path, plugin: str, name: str, meant: str
) -> None:
    assert problems(tmp_path, environ={name: "secret"}) == [
        (plugin, f"{name} (environment): there is no such setting; did you mean {meant}?")
    ]


def test_dissimilar_variable_is_reported_without_suggestion(tmp_path: Path) -> None:
    assert problems(tmp_path, environ={"PORTICO_QQQQQQ": ""}) == [
        ("", "PORTICO_QQQQQQ (environment): there is no such setting")
    ]


def test_kubernetes_service_variables_are_ignored(tmp_path: Path) -> None:
    environ = {
        "PORTICO_SERVICE_HOST": "10.0.0.1",
        "PORTICO_SERVICE_PORT_HTTP": "80",
        "PORTICO_PORT": "tcp://10.0.0.1:80",
        "PORTICO_PORT_80_TCP_ADDR": "10.0.0.1",
        "PORTICO_DB_PORT_5432_TCP": "tcp://10.0.0.2:5432",
    }
    assert problems(tmp_path, environ=environ) == []
