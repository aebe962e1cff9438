"""Fixtures: an application with files, and two users."""

from pathlib import Path

import pytest


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    only = "accounts,password,groups,audit,files"
    return env | {"PORTICO_PLUGINS_ONLY": only}


@pytest.fixture
def directory(env: dict[str, str]) -> Path:
    """Where the files are stored."""
    return Path(env["DATA_DIR"]) / "files"
