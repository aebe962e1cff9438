"""Folders in which node finds the packages of npm that a scenario needs."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.skipped_dependencies import NO_NODE


def install_packages(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a folder with `package.json`, and its packages. Skips the test where they cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(NO_NODE)
    directory = tmp_path_factory.mktemp("javascript") / "client"
    shutil.copytree(scenario, directory)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip(NO_NODE)
    return directory
