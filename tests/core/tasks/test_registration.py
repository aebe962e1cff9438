"""Plugins register the kinds of their tasks, and run them with the app context."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp

SOURCE = """
    import msgspec
    from portico.api import PluginInfo, hookimpl
    from portico.api.db import fetch_one
    from portico.api.tasks import NoArguments, TaskType

    PLUGIN = PluginInfo(api_version=1, summary="Has tasks.")

    class Word(msgspec.Struct):
        word: str

    class Counts:
        def __init__(self):
            self.words = []

        async def keep(self, run, arguments):
            row = await fetch_one("SELECT COUNT(*) AS n FROM portico_account")
            self.words.append((arguments.word, row["n"]))

    @hookimpl
    def register_components(app):
        return Counts()

    @hookimpl
    def register_tasks(plugin):
        return [TaskType(DECLARED)]

    @hookimpl
    def startup():
        STARTUP
"""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_STRICT": "false"}


@pytest.fixture
def start(
    env: dict[str, str], install: Callable[..., None], complete_schema: Callable[..., None]
) -> Any:
    """`start(name, startup, declared)` is an application with a plugin whose task and startup these are."""
    opened: list[InProcessApp] = []

    def made(name: str, startup: str = "pass", declared: str = "") -> InProcessApp:
        declared = declared or f"{name!r}, Word, plugin.keep"
        install("words", SOURCE.replace("DECLARED", declared).replace("STARTUP", startup))
        opened.append(InProcessApp(env, complete_schema))
        return opened[0]

    yield made
    for one in opened:
        one.close()


def components(app: InProcessApp) -> Any:
    (found,) = (c for c in app.portico.contributions if c.plugin_name == "words")
    return found.components


def test_task_of_a_plugin_runs_with_its_components_and_the_database(start: Any) -> None:
    app = start("words:keep")
    kind = app.portico.tasks.types["words:keep"]
    app.run(app.portico.tasks.create, "words:keep", kind.arguments(word="hello"))
    app.run(app.portico.tasks.run_due)
    assert components(app).words == [("hello", 0)]
    assert app.portico.registry["words"].provides["tasks"] == ["words:keep"]


def test_plugin_with_a_task_in_the_name_of_another_fails(start: Any) -> None:
    app = start("chats:keep")
    assert "must be named words:…" in app.portico.registry["words"].reason
    assert "chats:keep" not in app.portico.tasks.types


def test_plugin_with_too_many_tasks_fails(start: Any) -> None:
    declared = "'words:a', Word, plugin.keep), *(TaskType(f'words:{n}', Word, plugin.keep) for n in range(100)"
    app = start("", declared=declared)
    assert "registers more than 100 tasks" in app.portico.registry["words"].reason


def test_tasks_of_a_plugin_whose_startup_fails_are_not_run(start: Any) -> None:
    app = start("words:keep", "raise RuntimeError")
    assert app.portico.registry["words"].state == "failed"
    assert "words:keep" not in app.portico.tasks.types
    assert "portico:retention" in app.portico.tasks.types


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("5, Word, plugin.keep", "its task 5 needs a name like"),
        ("'words:\\0', Word, plugin.keep", "needs a name like"),
        ("'words:' + 'x' * 300, Word, plugin.keep", "has a name of more than 200 characters"),
        ("'words:a', dict, plugin.keep", "its task 'words:a' needs a msgspec.Struct as arguments"),
        ("'words:a', Word, None", "needs an async function as run"),
        ("'words:a', Word, plugin.keep, every=60", "its arguments need defaults"),
        ("'words:a', Word, plugin.keep, time_limit=0", "has time_limit = 0, which must be"),
        ("'words:a', Word, plugin.keep, time_limit=None", "has time_limit = None"),
        ("'words:a', Word, plugin.keep, max_tries=0", "has max_tries = 0"),
        ("'words:a', Word, plugin.keep, backoff=float('nan')", "has backoff = nan"),
        ("'words:a', NoArguments, plugin.keep, every='1h'", "has every = '1h'"),
        ("'words:a', NoArguments, plugin.keep, every=0", "has every = 0"),
    ],
)
def test_plugin_with_an_impossible_task_fails_with_the_reason(
    declared: str, reason: str, start: Any
) -> None:
    app = start("", declared=declared)
    assert app.portico.registry["words"].state == "failed"
    assert reason in app.portico.registry["words"].reason
    assert "portico:retention" in app.portico.tasks.types
