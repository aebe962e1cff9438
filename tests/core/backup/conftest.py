"""Fixtures: an application with files and chats, and a place to which its backup is restored."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portico.boot import Application
from portico.testing import CommandLine, InProcessApp

PLUGINS = "accounts,password,audit,files,chats,folders,models,budgets,settings_admin"


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    policies = tmp_path / "policies"
    policies.mkdir()
    return env | {"PORTICO_PLUGINS_ONLY": PLUGINS, "PORTICO_ACCESS_POLICY_DIR": str(policies)}


@pytest.fixture
def app(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> Iterator[InProcessApp]:
    application = InProcessApp(env, complete_schema)
    yield application
    application.close()


@pytest.fixture
def elsewhere(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Settings of another data directory and an empty database."""
    other = tmp_path / "elsewhere"
    changes = {"DATA_DIR": str(other), "PORTICO_ACCESS_POLICY_DIR": str(other / "policies")}
    return env | changes | ({"DATABASE_SCHEMA": "elsewhere"} if "DATABASE_URL" in env else {})


@pytest.fixture
def restored_cli(elsewhere: dict[str, str], tmp_path: Path) -> CommandLine:
    return CommandLine(elsewhere, tmp_path)


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery staple\n")
    return str(path)
