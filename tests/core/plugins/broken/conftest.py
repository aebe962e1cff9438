"""Fixtures for broken plugins: an application that starts with many of them at once."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.core.plugins.broken.plugin_sources import Broken, write_plugins
from tests.core.plugins.conftest import StartApp

from portico.testing import InProcessApp

Start = Callable[..., InProcessApp]


@pytest.fixture
def start_with(
    start_app: StartApp,
    install: object,  # it puts the folder on the path, and removes the modules
    tmp_path: Path,
) -> Start:
    """`start_with(plugins, settings)` installs broken plugins and starts an application with them."""

    def start(plugins: Mapping[str, Broken], **settings: str) -> InProcessApp:
        write_plugins(tmp_path / "site", plugins)
        return start_app(**settings)

    return start
