"""Fixtures for broken plugins: an application that starts with many of them at once."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.core.plugins.broken.plugin_sources import Broken, write_plugins

from portico.testing import InProcessApp

Start = Callable[..., InProcessApp]


@pytest.fixture
def start_with(
    env: dict[str, str],
    install: object,  # it puts the folder on the path, and removes the modules
    tmp_path: Path,
) -> Iterator[Start]:
    """`start_with(plugins, settings)` installs broken plugins and starts an application with them."""
    apps: list[InProcessApp] = []

    def start(plugins: Mapping[str, Broken], **settings: str) -> InProcessApp:
        write_plugins(tmp_path / "site", plugins)
        apps.append(InProcessApp(env | {"PORTICO_STRICT": "false"} | settings))
        return apps[-1]

    yield start
    for app in apps:
        app.close()
