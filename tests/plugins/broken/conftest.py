"""Fixtures for broken plugins: an application that starts with many of them at once."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.plugins.broken.plugin_sources import Broken

from portico.testing import InProcessApp

Start = Callable[..., InProcessApp]


@pytest.fixture
def database_url() -> str:
    """Which mistakes are found does not depend on the database; a server process has both."""
    return ""


@pytest.fixture
def start_with(
    env: dict[str, str], install: Callable[..., None], tmp_path: Path
) -> Iterator[Start]:
    """`start_with(plugins, settings)` installs broken plugins and starts an application with them."""
    apps: list[InProcessApp] = []

    def start(plugins: Mapping[str, Broken], **settings: str) -> InProcessApp:
        for name, broken in plugins.items():
            broken.write(name, install, tmp_path / "site")
        apps.append(InProcessApp(env | {"PORTICO_STRICT": "false"} | settings))
        return apps[-1]

    yield start
    for app in apps:
        app.close()
