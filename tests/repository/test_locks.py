"""The lock files contain what pyproject.toml requires, with hashes, and nothing else."""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from tests.environments import Distribution

pytest_plugins = ["tests.environments"]
ROOT = Path(__file__).parents[2]
#: The extras of pyproject.toml that are installed from each lock.
LOCKS = {"serve": (), "image": ("s3", "opentelemetry"), "test": ("test",)}
LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\$")


def asked_for(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for where `lock` is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (project["optional-dependencies"][extra] for extra in LOCKS[lock])
    return [Requirement(text) for text in chain(project["dependencies"], *extras)]


def entries(lock: str) -> list[dict[str, str]]:
    """Name, version and marker of each entry, as the file has them."""
    lines = (ROOT / "requirements" / f"{lock}.lock").read_text().splitlines()
    return [found.groupdict(default="") for found in map(LOCKED.match, lines) if found]


def locked(lock: str) -> dict[str, str]:
    """Version by name of what is installed from the lock on this platform."""
    return {
        canonicalize_name(entry["name"]): entry["version"]
        for entry in entries(lock)
        if not entry["marker"] or Marker(entry["marker"]).evaluate()
    }


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """The requirements and all that they require in turn, as their installed packages say."""
    waiting, found, followed = list(requirements), set[str](), set[tuple[str, str]]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in followed:
                continue
            followed.add((name, extra))
            found.add(name)
            for text in importlib.metadata.requires(name) or []:
                inner = Requirement(text)
                if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                    waiting.append(inner)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_a_matching_version_for_each_requirement(lock: str) -> None:
    versions = locked(lock)
    unfit = [
        str(requirement)
        for requirement in asked_for(lock)
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), ""))
    ]
    assert unfit == [], "run requirements/update"


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_contains_only_required_packages(lock: str) -> None:
    assert set(locked(lock)) == closure(asked_for(lock)), "run requirements/update"


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_a_hash_for_each_entry(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if "==" in block]
    assert len(blocks) == len(entries(lock))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", ["serve", "image"])
def test_test_lock_contains_the_versions_of_the_other_locks(lock: str) -> None:
    tested = locked("test")
    assert {name: tested.get(name) for name in locked(lock)} == locked(lock)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_package_script_writes_an_sbom_beside_the_wheel(distribution: "Distribution") -> None:
    wheel, (listing,) = distribution.rebuilt, distribution.folder.glob("*.cdx.json")
    assert listing.name.removesuffix(".cdx.json") == wheel.name.removesuffix("-py3-none-any.whl")
    bill = json.loads(listing.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "portico"
    listed = {(part["name"], part["version"]) for part in bill["components"]}
    assert listed == {(entry["name"], entry["version"]) for entry in entries("serve")}
