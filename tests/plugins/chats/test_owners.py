"""Chats of deleted accounts in an earlier schema are deleted by the migration."""

import asyncio
from typing import Any

import pytest

from portico.boot import Application
from portico.db import Database, TableSet, execute, fetch_all, migrate, now
from portico.db.migrate import MIGRATION_TABLE
from portico.db.migration_files import read_migrations
from portico.settings.load import load_settings

ACCOUNT = (
    "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, created_at) "
    "VALUES ('ann', 'ann@example.org', 'user', 'Ann', '', 0, 0, 0)"
)
CHAT = (
    "INSERT INTO chats_chat (id, user_id, title, created_at, updated_at, archived, pinned, meta, chat, messages_at) "
    "VALUES ($1, $2, $3, 1, 2, TRUE, TRUE, '{}', '{\"history\":{\"messages\":{}}}', 24)"
)
#: Rows that belong to a chat, by the names of then: statements with its id and its owner's.
PARTS = (
    "INSERT INTO chats_message (chat_id, id, position, role, created_at, updated_at, since, knew, origin, body) "
    "VALUES ($1, 'm', 1, 'user', 1, 1, 1, 0, '', '{}')",
    "INSERT INTO chats_share (id, chat_id, title, created_at, updated_at, chat) VALUES ($1, $1, '', 0, 0, '{}')",
    "INSERT INTO chats_seen (chat_id, session_id, revision, at) VALUES ($1, 's', 1, 1)",
)
OWNED = (
    "INSERT INTO chats_tagged (chat_id, tag_id, user_id) VALUES ($1, 't', $2)",
    "INSERT INTO chats_text (owner_id, chat_id, part, text, state) VALUES ($2, $1, '', 'x', 1)",
    "INSERT INTO chats_text (owner_id, chat_id, part, text, state) VALUES ($2, $1, 'm', 'x', 0)",
)


async def before_owners(database: Database, sets: dict[str, TableSet]) -> None:
    """Build the schema before chats referred to accounts, with a chat of Ann and one of a deleted account."""
    await database.execute(MIGRATION_TABLE)
    for owner, tables in sets.items():
        for step in read_migrations(tables.migrations, database.dialect):
            if owner == "chats" and step.name >= "0007":
                break
            async with database.transaction():
                await step.run(database)
                await execute(
                    "INSERT INTO portico_migration VALUES ($1, $2, $3)", owner, step.name, now()
                )
    await execute(ACCOUNT)
    for chat_id, owner in (("hers", "ann"), ("absent's", "gone")):
        await execute(CHAT, chat_id, owner, chat_id)
        for part in PARTS:
            await execute(part, chat_id)
        for part in OWNED:
            await execute(part, chat_id, owner)
        await execute("INSERT INTO chats_tag (user_id, id, name) VALUES ($1, 't', 'T')", owner)


@pytest.mark.both_databases
def test_migration_deletes_only_chats_without_owner(
    env: dict[str, str],
) -> None:
    portico = Application(load_settings(environ=env))

    async def work() -> dict[str, Any]:
        await portico.database.start()
        with portico.database.use():
            await before_owners(portico.database, portico.table_sets)
            chat = await fetch_all("SELECT * FROM chats_chat WHERE id = 'hers'")
            report = await migrate(portico.database, portico.table_sets)
            assert not report.failed, report
            assert await fetch_all("SELECT * FROM chats_chat") == chat
            for check in await portico.database_checks():
                assert await check.find() == [], check.name
            found = {}
            for table, column in (
                ("chats_message", "chat_id"),
                ("chats_share", "chat_id"),
                ("chats_seen_revision", "chat_id"),
                ("chats_chat_tag", "user_id"),
                ("chats_tag", "user_id"),
                ("chats_tag_owner", "user_id"),
            ):
                left = await fetch_all(f"SELECT {column} AS value FROM {table}")
                found[table] = [one["value"] for one in left]
            texts = await fetch_all("SELECT chat_id FROM chats_text WHERE state <> 2")
            found["chats_text"] = [one["chat_id"] for one in texts]
        await portico.database.stop()
        return found

    assert asyncio.run(work()) == {
        "chats_message": ["hers"],
        "chats_share": ["hers"],
        "chats_seen_revision": ["hers"],
        "chats_chat_tag": ["ann"],
        "chats_tag": ["ann"],
        "chats_tag_owner": ["ann"],
        "chats_text": ["hers", "hers"],
    }
