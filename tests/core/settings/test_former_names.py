"""Settings that were renamed: the old name is refused with a sentence that contains the new one."""

from pathlib import Path
from typing import Annotated

import pytest

from portico.settings.load import load_settings
from portico.settings.problems import BadSettings, Problem
from portico.settings.section import Section, setting


class RenamedSettings(Section):
    """Settings of a plugin `sample`, two of which had other names."""

    max_items: Annotated[int, setting("Items", formerly="most")] = 1
    hosts: Annotated[str, setting("Hosts", formerly="plugins.other.where")] = ""
    base: Annotated[
        str, setting("Address", env="SAMPLE_BASE", formerly=("root", "PORTICO_ROOT"))
    ] = ""


def problems(tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None) -> list[str]:
    """Return the problems of these settings as sentences."""
    path = tmp_path / "p.toml"
    path.write_text(toml)
    settings = load_settings(environ or {}, path)
    found: list[Problem] = []
    try:
        settings.plugin("sample", RenamedSettings)
    except BadSettings as error:
        found += error.problems
    unknown = settings.unknown_keys({"sample"}, {"sample"})
    found += [*unknown.problems, *unknown.of_plugins.get("sample", ())]
    return [str(problem).replace(f"{tmp_path}/", "") for problem in found]


def test_old_key_in_file_is_refused_with_new_key(tmp_path: Path) -> None:
    assert problems(tmp_path, "[plugins.sample]\nmost = 2\nroot = 'x'") == [
        "plugins.sample.most (p.toml): this setting is now called plugins.sample.max_items",
        "plugins.sample.root (p.toml): this setting is now called plugins.sample.base",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PORTICO_SAMPLE_MOST", "PORTICO_SAMPLE_MAX_ITEMS"),
        ("PORTICO_OTHER_WHERE", "PORTICO_SAMPLE_HOSTS"),
        ("PORTICO_SAMPLE_ROOT", "SAMPLE_BASE"),
        ("PORTICO_ROOT", "SAMPLE_BASE"),
    ],
)
def test_old_variable_is_refused_with_new_variable(tmp_path: Path, old: str, new: str) -> None:
    assert problems(tmp_path, environ={old: "secret"}) == [
        f"{old} (environment): this variable is now called {new}"
    ]


def test_new_names_are_accepted(tmp_path: Path) -> None:
    environ = {"SAMPLE_BASE": "x", "PORTICO_SAMPLE_HOSTS": "y"}
    assert problems(tmp_path, "[plugins.sample]\nmax_items = 2", environ) == []
