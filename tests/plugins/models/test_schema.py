"""Migration from the first schema, and deletion of accounts that own models."""

import asyncio
from typing import Any

import pytest
from tests.plugins.models.conftest import form

from portico.boot import Application
from portico.db import execute, fetch_all, now
from portico.db.migrate import MIGRATION_TABLE
from portico.db.migration_files import read_migrations
from portico.settings.load import load_settings
from portico.testing import Client, InProcessApp

_ACCOUNT = (
    "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, "
    "created_at) VALUES ($1, $2, $3, $1, '', 1, 1, $4)"
)
_MODEL = (
    "INSERT INTO models_model (id, likeness, user_id, name, sought, is_active, updated_at, created_at, meta, "
    "params) VALUES ($1, $1, $2, $1, $3, TRUE, 1, 1, $4, '{}')"
)
_META = '{"tags": [{"name": " Lex "}, {"name": "LEX"}, {"name": "Tax"}, {"name": 5}, "x"]}'


def settle(environment: dict[str, str]) -> None:
    """An application with a database of the first schema."""
    portico = Application(load_settings(environ=environment))

    async def work() -> None:
        await portico.database.start()
        with portico.database.use():
            await execute(MIGRATION_TABLE)
            for owner, tables in portico.table_sets.items():
                steps = read_migrations(tables.migrations, portico.database.dialect)
                for step in steps[:1] if owner == "models" else steps:
                    async with portico.database.transaction():
                        await step.run(portico.database)
                        await execute(
                            "INSERT INTO portico_migration VALUES ($1, $2, $3)",
                            owner,
                            step.name,
                            now(),
                        )
            await execute(_ACCOUNT, "second", "b@example.org", "admin", 2)
            await execute(_ACCOUNT, "first", "a@example.org", "admin", 1)
            await execute(_ACCOUNT, "ann", "c@example.org", "user", 0)
            await execute(_MODEL, "anns", "ann", "x" * 5000, _META)
            await execute(_MODEL, "orphan", "gone", "orphan", '{"tags": "none"}')
            for tag in ("lex", "tax", "lost"):
                await execute("INSERT INTO models_tag VALUES ('anns', $1)", tag)
        await portico.database.stop()

    asyncio.run(work())


@pytest.mark.both_databases
def test_migration_from_first_schema_keeps_owners_and_labels(
    env: dict[str, str],
) -> None:
    settle(env)
    app = InProcessApp(env)
    try:

        async def ask(sql: str) -> list[dict[str, Any]]:
            return await fetch_all(sql)

        owners = app.run(ask, "SELECT id, user_id FROM models_model ORDER BY id")
        assert [(one["id"], one["user_id"]) for one in owners] == [
            ("anns", "ann"),
            ("orphan", "first"),
        ]
        labels = app.run(ask, "SELECT name, label FROM models_tag ORDER BY name")
        assert [(one["name"], one["label"]) for one in labels] == [
            ("lex", "Lex"),
            ("lost", "lost"),
            ("tax", "Tax"),
        ]
        assert app.run(app.portico.database.execute, "DELETE FROM models_model") == 2
        assert app.run(ask, "SELECT * FROM models_tag") == []
    finally:
        app.close()


def test_account_deletion_fails_while_models_plugin_is_missing(
    env: dict[str, str], app: InProcessApp, ann: Client
) -> None:
    ann.post("/api/v1/models/create", form())
    app.close()
    without = InProcessApp(env | {"PORTICO_PLUGINS_ONLY": "accounts,password"})
    try:
        answer = without.client.sign_in("Ada").delete(f"/api/v1/users/{ann.account['id']}")
        assert (answer.status, "still owns data" in answer.detail) == (400, True)
        assert without.client.sign_in("Ann").account["id"] == ann.account["id"]
    finally:
        without.close()
