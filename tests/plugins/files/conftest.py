"""Fixtures: an application with files, and two users."""

from pathlib import Path

import pytest

from portico.testing import Client


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    only = "accounts,password,groups,audit,files"
    return env | {"PORTICO_PLUGINS_ONLY": only}


@pytest.fixture
def directory(env: dict[str, str]) -> Path:
    """Where the files are stored."""
    return Path(env["DATA_DIR"]) / "files"


@pytest.fixture
def ann(admin: Client) -> Client:
    return admin.add_user("Ann")


@pytest.fixture
def bob(admin: Client) -> Client:
    return admin.add_user("Bob")
