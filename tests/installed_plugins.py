"""Checks that the installed entry points are those of `pyproject.toml`."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def check_entry_points() -> None:
    """Stop the test run if Portico was installed before a plugin was added or renamed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    expected = project["entry-points"]["portico"]
    installed = {one.name: one.value for one in entry_points(group="portico")}
    if not expected.items() <= installed.items():
        raise pytest.UsageError(
            "the installed plugins are not those of pyproject.toml; "
            "run: .venv/bin/pip install --no-deps --no-build-isolation -e ."
        )
