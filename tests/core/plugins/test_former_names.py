"""A renamed plugin keeps its data; its old name in the settings is refused with the new one."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from portico.boot import Application, CannotStart
from portico.db import Database, execute, fetch_all, fetch_one, now
from portico.db.migrate import MIGRATION_TABLE, schema_status
from portico.db.migration_files import read_migrations
from portico.settings.load import load_settings
from portico.settings.problems import BadSettings
from portico.testing import InProcessApp

KEY = (
    "INSERT INTO keys_key (id, account_id, name, prefix, digest, scopes, enabled, created_at, locked) "
    "VALUES ($1, 'ann', $1, 'sk-abcd', $1, $2, TRUE, 1, $3)"
)
ACCOUNT = (
    "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, "
    "created_at) VALUES ('ann', 'ann@example.org', 'admin', 'Ann', '', 1, 1, 1)"
)
SETTING = (
    "INSERT INTO portico_configuration (name, value, updated_at, updated_by) "
    "VALUES ('settings.auth.enable_api_keys', 'true', 1, 'ann')"
)
OWNERS = "SELECT plugin, name FROM portico_migration WHERE plugin IN ('keys', 'api_keys')"


async def build_earlier_state(database: Database, portico: Application) -> None:
    """Apply every step of the other owners, and the first of `api_keys` under its former name."""
    await execute(MIGRATION_TABLE)
    for owner, tables in portico.table_sets.items():
        steps = read_migrations(tables.migrations, database.dialect)
        renamed = owner == "api_keys"
        for step in steps[:1] if renamed else steps:
            async with database.transaction():
                await step.run(database)
                await execute(
                    "INSERT INTO portico_migration VALUES ($1, $2, $3)",
                    "keys" if renamed else owner,
                    step.name,
                    now(),
                )
    await execute(ACCOUNT)
    await execute(SETTING)
    await execute("INSERT INTO keys_owner (account_id, made) VALUES ('ann', 3)")
    await execute(KEY, "plain", None, None)
    await execute(KEY, "scoped", json.dumps(["chats:read", "keys", "law:write"]), "v1.text")


@pytest.fixture
def earlier(env: dict[str, str], database_url: str) -> Application:
    """A database of the state in which the plugin was called `keys`."""
    portico = Application(
        load_settings(environ=env | ({"DATABASE_URL": database_url} if database_url else {}))
    )

    async def build() -> None:
        await portico.database.start()
        with portico.database.use():
            await build_earlier_state(portico.database, portico)
        await portico.database.stop()

    asyncio.run(build())
    return portico


@pytest.mark.both_databases
def test_keys_of_the_former_plugin_name_are_migrated(
    earlier: Application, env: dict[str, str], database_url: str
) -> None:
    environ = env | ({"DATABASE_URL": database_url} if database_url else {})
    for _ in range(2):
        app = InProcessApp(environ)
        app.run(check_migrated, app)
        app.close()


async def check_migrated(app: InProcessApp) -> None:
    assert [tuple(row.values()) for row in await fetch_all(OWNERS + " ORDER BY name")] == [
        ("api_keys", "0001_keys"),
        ("api_keys", "0002_plugin_name"),
    ]
    keys = await fetch_all("SELECT id, scopes, encrypted_key FROM api_keys_key ORDER BY id")
    assert [(row["id"], row["encrypted_key"]) for row in keys] == [
        ("plain", None),
        ("scoped", "v1.text"),
    ]
    assert keys[0]["scopes"] is None
    assert json.loads(keys[1]["scopes"]) == [
        "api_keys",
        "audit:write",
        "chats:read",
        "policy_admin:write",
    ]
    assert await fetch_one("SELECT account_id, changes FROM api_keys_owner") == {
        "account_id": "ann",
        "changes": 3,
    }
    assert (await app.portico.runtime_settings.values())["ENABLE_API_KEYS"] is True


def test_status_counts_steps_of_the_former_name_as_applied(earlier: Application) -> None:
    async def read() -> None:
        await earlier.database.start()
        with earlier.database.use():
            status = await schema_status(earlier.database, earlier.table_sets)
        await earlier.database.stop()
        assert status.pending_names == {"api_keys": ["0002_plugin_name"]}
        assert status.formerly["api_keys"] == ("keys",)
        assert status.unknown == {}

    asyncio.run(read())


def problems(env: Mapping[str, str], tmp_path: Path, toml: str) -> str:
    """Return what stops the start with this settings file."""
    path = tmp_path / "portico.toml"
    path.write_text(toml)
    with pytest.raises((BadSettings, CannotStart)) as raised:
        Application(load_settings(environ=env, toml_path=path))
    return str(raised.value)


@pytest.mark.parametrize(
    ("variables", "toml", "sentence"),
    [
        ({}, "[plugins]\ndisable = ['keys']", "the plugin 'keys' is now called 'api_keys'"),
        ({}, "[plugins]\nrequired = ['law']", "the plugin 'law' is now called 'policy_admin'"),
        ({}, "[plugins]\nonly = ['accounts', 'solo']", "'solo' is now called 'single_user'"),
        ({}, "[plugins.keys]", "this plugin is now called api_keys; use [plugins.api_keys]"),
        (
            {},
            "[plugins.keys]\nenable_api_keys = true",
            "this setting is now called plugins.api_keys.enable_api_keys",
        ),
        (
            {},
            "[plugins]\ndisable = ['api_keys']\n[plugins.keys]\nenable_api_keys = true",
            "this plugin is now called api_keys; use [plugins.api_keys]",
        ),
        (
            {"PORTICO_SOLO_ALLOW_REMOTE": "true"},
            "",
            "this variable is now called PORTICO_SINGLE_USER_ALLOW_REMOTE",
        ),
        (
            {"PORTICO_KEYS_WRONG": "1"},
            "",
            "variables of this plugin now begin with PORTICO_API_KEYS_",
        ),
    ],
)
def test_former_plugin_name_in_settings_is_refused_with_the_new_name(
    env: dict[str, str], tmp_path: Path, variables: dict[str, str], toml: str, sentence: str
) -> None:
    assert sentence in problems(env | variables, tmp_path, toml)
