"""Fixtures for tests of loading plugins: applications in which plugins may fail."""

from collections.abc import Callable, Iterator

import pytest

from portico.testing import InProcessApp

StartApp = Callable[..., InProcessApp]


@pytest.fixture
def start_app(env: dict[str, str]) -> Iterator[StartApp]:
    """`start_app(**settings)` starts an application with the plugins that are installed then."""
    apps: list[InProcessApp] = []

    def start(**settings: str) -> InProcessApp:
        apps.append(InProcessApp(env | {"PORTICO_STRICT": "false"} | settings))
        return apps[-1]

    yield start
    for app in apps:
        app.close()
