"""What is built and installed is what the source roots hold, under the names they promise."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.environments import Distribution, Environment

pytest_plugins = ["tests.environments"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("core", "plugins", "policies")


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def contents(distribution: "Distribution") -> dict[str, bytes]:
    """The files of the wheel by name."""
    return files_of(distribution.wheel)


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packages_of(contents: dict[str, bytes]) -> set[str]:
    """The top-level names that the wheel installs, its metadata aside."""
    tops = {name.split("/")[0] for name in contents}
    return {top for top in tops if not top.endswith(".dist-info")}


def folders(root: str) -> set[str]:
    return {path.name for path in (ROOT / root).iterdir() if path.name != "__pycache__"}


def entry_points(contents: dict[str, bytes]) -> dict[str, str]:
    """Name and package of each plugin that the wheel announces."""
    (name,) = (name for name in contents if name.endswith(".dist-info/entry_points.txt"))
    parser = ConfigParser(delimiters=("=",))
    parser.read_string(contents[name].decode())
    return dict(parser["portico"])


def test_source_root_is_not_a_package(contents: dict[str, bytes]) -> None:
    assert packages_of(contents).isdisjoint(SOURCE_ROOTS)


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_source_root_contains_packages_only(root: str) -> None:
    loose = [name for name in folders(root) if not (ROOT / root / name / "__init__.py").is_file()]
    assert loose == []


def test_wheel_and_entry_points_name_the_same_plugins(
    project: dict[str, Any], contents: dict[str, bytes]
) -> None:
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    plugins = folders("plugins")
    assert set(listed) == {f"{root}/{name}" for root in SOURCE_ROOTS for name in folders(root)}
    assert packages_of(contents) == plugins | folders("core") | folders("policies")
    assert entry_points(contents) == {name.removeprefix("portico_"): name for name in plugins}


def test_wheel_contains_all_files_of_the_source_roots(
    sources: Path, contents: dict[str, bytes]
) -> None:
    wanted = {
        path.relative_to(sources / root).as_posix(): path.read_bytes()
        for root in SOURCE_ROOTS
        for path in (sources / root).rglob("*")
        if path.is_file()
    }
    wanted["portico_webclient/CHANGELOG.md"] = (sources / "CHANGELOG.md").read_bytes()
    found = {name: data for name, data in contents.items() if ".dist-info/" not in name}
    assert found == wanted


def test_sdist_builds_the_same_wheel(
    distribution: "Distribution", contents: dict[str, bytes]
) -> None:
    assert files_of(distribution.rebuilt) == contents


def test_policy_files_are_read_from_the_installed_package(
    fresh_environment: "Environment", tmp_path: Path
) -> None:
    program = (
        "import importlib.resources, json;"
        "files = importlib.resources.files('portico_policies').iterdir();"
        "print(json.dumps({f.name: f.read_text() for f in files if f.is_file()}))"
    )
    found = json.loads(fresh_environment.run(fresh_environment.python, "-c", program, cwd=tmp_path))
    folder = ROOT / "policies" / "portico_policies"
    assert found == {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert "model.conf" in found


def test_installed_command_prints_its_version(
    fresh_environment: "Environment", project: dict[str, Any], tmp_path: Path
) -> None:
    said = fresh_environment.run(fresh_environment.command("portico"), "--version", cwd=tmp_path)
    assert project["project"]["version"] in re.split(r"[\s,]+", said)


def test_installed_command_finds_all_plugins(
    fresh_environment: "Environment", tmp_path: Path
) -> None:
    command = fresh_environment.command("portico")
    said = fresh_environment.run(
        command, "plugin", "list", "--json", cwd=tmp_path, environ={"DATA_DIR": str(tmp_path)}
    )
    # Another test may have installed a plugin of its own beside them.
    own = [plugin for plugin in json.loads(said) if plugin["distribution"] == "portico"]
    assert {f"portico_{plugin['name']}" for plugin in own} == folders("plugins")
    assert [plugin["reason"] for plugin in own if plugin["state"] == "failed"] == []


def test_environment_contains_only_locked_packages(fresh_environment: "Environment") -> None:
    """The wheel runs without what only tests need, and its requirements do not contradict."""
    assert "No broken requirements" in fresh_environment.pip("check")


def test_editable_install_is_a_path_file_with_the_source_roots(
    sources: Path, tmp_path: Path
) -> None:
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import hatchling.build; hatchling.build.build_editable({str(tmp_path)!r})",
        ],
        cwd=sources,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    contents = files_of(wheel)
    (path_file,) = (name for name in contents if name.endswith(".pth"))
    found = {Path(line).resolve() for line in contents[path_file].decode().splitlines()}
    assert found == {(sources / root).resolve() for root in SOURCE_ROOTS}
    assert not any(name.endswith(".py") for name in contents)


def test_installed_plugins_are_those_of_pyproject() -> None:
    """If not: a plugin was added since `pip install -e`, which has to be run again."""
    registered = {point.value for point in importlib.metadata.entry_points(group="portico")}
    assert folders("plugins") <= registered
