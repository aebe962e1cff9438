"""What `portico plugin list` and `portico policy check` say of plugins: the same as serving, without changing anything."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.db.address import open_database
from portico.settings.database import DatabaseSettings
from portico.testing import CommandLine, InProcessApp

Install = Callable[..., None]
HEAD = """
from portico.api import PluginInfo, hookimpl
PLUGIN = PluginInfo(api_version=1, summary="")
"""
TABLES = """
from piccolo.columns import Text
from piccolo.table import Table
from portico.api.db import TableSet
class Row(Table, tablename="{name}_row"):
    id = Text(primary_key=True)
@hookimpl
def register_tables():
    return TableSet(tables=(Row,), migrations="made_up_{name}_migrations")
"""
#: Plugins that load and fail later, with the kind of fault.
LATE = {
    "bad_step": (TABLES.format(name="bad_step"), "migration"),
    "bad_policy": (
        "from portico.api.policy import PolicyRule\n@hookimpl\ndef register_policies():\n"
        "    return [PolicyRule('model', 'read', 'not-a-subject')]",
        "policy",
    ),
    "bad_start": ("@hookimpl\nasync def startup():\n    raise ValueError('no')", "startup"),
    "slow_start": (
        "import asyncio\n@hookimpl\nasync def startup():\n    await asyncio.sleep(3600)",
        "timeout",
    ),
    "bad_route": (
        "from portico.api.web import get\n@hookimpl\ndef register_routes():\n"
        "    @get('/api/x/bad_route/{one:str}/{one:str}')\n"
        "    async def twice(one: str) -> str: ...\n    return [twice]",
        "routes",
    ),
    "needs_it": (
        "PLUGIN = PluginInfo(api_version=1, summary='', requires=('bad_start',))",
        "requirement",
    ),
}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_STRICT": "false", "PORTICO_PLUGINS_STARTUP_LIMIT": "0.2"}


@pytest.fixture
def steps(install: Install, tmp_path: Path) -> Callable[[str, int, str], None]:
    """`steps(plugin, number, sql)` writes a migration of an installed plugin."""

    def write(name: str, number: int, sql: str) -> None:
        folder = tmp_path / "site" / f"made_up_{name}_migrations"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / f"{number:04}_step.sql").write_text(sql)

    return write


@pytest.fixture
def served(env: dict[str, str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Serve, and return all plugins as they then are."""

    def serve() -> list[dict[str, Any]]:
        app = InProcessApp(env)
        try:
            return [record.described() for record in app.portico.registry]
        finally:
            app.close()

    yield serve


def said(cli: CommandLine) -> dict[str, tuple[str, str, str, str]]:
    return described(json.loads(cli("plugin", "list", "--json").stdout))


def schemas(database_url: str) -> list[str]:
    """Return the schemas that checks have made in PostgreSQL; none on SQLite."""

    async def names() -> list[str]:
        database = open_database(DatabaseSettings(url=database_url), Path())
        await database.start()
        try:
            sql = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'portico_check%'"
            return [row["nspname"] for row in await database.rows(sql)]
        finally:
            await database.stop()

    return asyncio.run(names()) if database_url.startswith("postgres") else []


def described(plugins: list[dict[str, Any]]) -> dict[str, tuple[str, str, str, str]]:
    return {p["name"]: (p["state"], p["fault"], p["reason"], p["at"]) for p in plugins}


@pytest.mark.both_databases
def test_plugin_list_says_what_serving_says_and_changes_nothing(
    install: Install,
    steps: Callable[[str, int, str], None],
    served: Callable[[], list[dict[str, Any]]],
    cli: CommandLine,
    env: dict[str, str],
    database_url: str,
) -> None:
    install("fine", HEAD + TABLES.format(name="fine"))
    steps("fine", 1, "CREATE TABLE fine_row (id TEXT PRIMARY KEY, word TEXT)")
    for name, (source, _) in LATE.items():
        install(name, HEAD + source)
    steps("bad_step", 1, "CREATE TABEL nothing (id TEXT)")
    data = Path(env["DATA_DIR"])
    before = said(cli)
    assert not data.exists() or not [*data.iterdir()]
    assert {name: before[name][1] for name in LATE} == {n: kind for n, (_, kind) in LATE.items()}
    assert before["fine"][0] == "active"
    assert described(served()) == before
    # The tables now have what the next step does not stand.
    steps("fine", 2, "INSERT INTO fine_row (id, word) VALUES ('a', 'same'), ('b', 'same')")
    cli("migrate", code=1)  # since that of another plugin fails
    steps("fine", 3, "CREATE UNIQUE INDEX fine_row_word ON fine_row (word)")
    later = said(cli)
    assert later["fine"][:2] == ("failed", "migration"), later["fine"]
    assert "0003_step" in later["fine"][2]
    assert "pending  fine  0003_step" in cli("migrate", "--check", code=1).stdout
    assert schemas(database_url) == [] and not [*data.glob(".plugin-check-*")]


def test_policy_check_says_which_plugins_fail_when_serving(
    install: Install, cli: CommandLine, tmp_path: Path
) -> None:
    kind = (
        "from portico.api.policy import ResourceKind\n@hookimpl\ndef register_resources():\n"
        "    return [ResourceKind('gadget', '', ('read',))]\n"
    )
    install("bad_start", HEAD + kind + LATE["bad_start"][0])
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "gadgets.csv").write_text("p, gadget, read, everyone, allow\n")
    done = cli("policy", "check", rules)
    assert "note: plugin 'bad_start' fails (startup): startup: ValueError: no" in done.stderr
    assert "valid" in done.stdout


@pytest.mark.both_databases
def test_plugin_that_ends_the_process_is_said_and_leaves_nothing(
    install: Install, cli: CommandLine, env: dict[str, str], database_url: str
) -> None:
    ends = "import os\n@hookimpl\ndef {hook}:\n    os._exit(3)"
    install("gone", HEAD + ends.format(hook="startup()"))
    install("gone_early", HEAD + ends.format(hook="register_services()"))
    done = cli("plugin", "list", "--json")
    for name, doing in (("gone", "startup"), ("gone_early", "register_services")):
        reason = f"the process ended while it was waiting for {doing} of plugin {name!r}"
        assert f"The server would not start: plugin {name!r}: {reason}" in done.stderr.replace(
            "the startup", "startup"
        )
    listed = described(json.loads(done.stdout))
    assert listed["gone"][:2] == listed["gone_early"][:2] == ("failed", "startup")
    assert listed["chats"][0] == "active"
    assert schemas(database_url) == []
    assert not [*Path(env["DATA_DIR"]).parent.glob("**/.plugin-check-*")]


def test_unusable_database_is_said_and_the_plugins_are_listed(cli: CommandLine) -> None:
    nowhere = {"DATABASE_URL": "postgresql://ann:secret-word@127.0.0.1:1/none"}
    done = cli("plugin", "list", settings=nowhere)
    assert "The server would not start: the database cannot be used: " in done.stderr
    assert "secret-word" not in done.stderr
    assert "● chats" in done.stdout
