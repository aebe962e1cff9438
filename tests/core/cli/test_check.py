"""`portico db check`: finds faults such as orphaned rows, and repairs them with --repair."""

import json
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from portico.db import current_database, execute, fetch_all, transaction
from portico.db.consistency import DatabaseCheck, foreign_keys
from portico.db.sqlite.database import SQLite
from portico.testing import CommandLine, InProcessApp

pytestmark = pytest.mark.timeout(180)

#: Names of columns that hold ids of accounts.
OWNER = re.compile(r"(user|account|owner|author|principal|subject|updated_by|created_by)(_id)?")
ORPHANS = (
    "INSERT INTO chats_chat (id, user_id, title, created_at, updated_at, meta, chat) VALUES ('c', 'gone', '', 0, 0, '{}', '{}')",
    "INSERT INTO chats_message (chat_id, id, position, role, created_at, updated_at, created_revision, known_revision, session_id, body) "
    "VALUES ('no-chat', 'm', 1, 'user', 0, 0, 1, 1, '', '{}')",
    "INSERT INTO chats_text (owner_id, chat_id, part, text, state) VALUES ('gone', 'no-chat', '', 'x', 0)",
    "INSERT INTO chats_tag_owner (user_id, changes) VALUES ('gone', 1)",
    "INSERT INTO folders_owner (user_id, changes) VALUES ('gone', 1)",
    "INSERT INTO portico_grant (id, resource_kind, resource_id, action, principal_kind, principal_id, position, "
    "created_at) VALUES ('g', 'model', 'm', 'read', 'user', 'gone', 0, 0)",
    "INSERT INTO portico_session (id, account_id, created_at) VALUES ('s', 'gone', 0)",
    "INSERT INTO models_model (id, normalized_id, user_id, name, search_text, is_active, updated_at, created_at, meta, params) "
    "VALUES ('kept', 'kept', 'gone', 'Kept', 'kept', TRUE, 0, 0, '{}', '{}')",
    "INSERT INTO portico_group (id, account_id, name, description, created_at, updated_at) VALUES ('kept', 'gone', '', '', 0, 0)",
)  # fmt: skip


@asynccontextmanager
async def unchecked() -> Any:
    """A transaction in which foreign keys are not enforced."""
    database = current_database()
    if isinstance(database, SQLite):
        async with database.migrating(), transaction():
            yield
    else:
        async with transaction():
            await execute("SET LOCAL session_replication_role = replica")
            yield


async def make_orphans() -> None:
    async with unchecked():
        for statement in ORPHANS:
            await execute(statement)


@pytest.mark.both_databases
def test_orphaned_rows_are_found_and_removed(app: InProcessApp, cli: CommandLine) -> None:
    ada = app.client.sign_up("Ada")
    assert ada.post("/api/v1/chats/new", {"chat": {"title": "stays"}}).status == 200
    app.run(make_orphans)

    printed = cli("db", "check", code=1).stdout
    for table in ("chats_chat", "chats_message", "chats_text", "folders_owner", "portico_grant",
                  "portico_session", "models_model", "portico_group"):  # fmt: skip
        assert f"{table}: 1 row " in printed
    assert "--repair" in printed

    assert "found and repaired" in cli("db", "check", "--repair").stdout
    assert json.loads(cli("db", "check", "--json").stdout) == {"found": [], "left": []}
    left = app.run(fetch_all, "SELECT title FROM chats_chat")
    assert left == [{"title": "stays"}]
    for table, column in (("models_model", "user_id"), ("portico_group", "account_id")):
        owners = app.run(fetch_all, f"SELECT {column} AS owner FROM {table} WHERE id = 'kept'")
        assert owners == [{"owner": ada.account["id"]}]


def test_every_owner_column_has_a_foreign_key_or_a_reference(app: InProcessApp) -> None:
    """A new table with such a column fails here until it has a foreign key, or a `Reference` in its `TableSet`."""
    known = {(one.table, one.column) for one in app.run(foreign_keys)}
    known |= {
        (one.table, one.column)
        for tables in app.portico.table_sets.values()
        for one in tables.references
    }
    columns = {
        (table._meta.tablename, column._meta.db_column_name)
        for tables in app.portico.table_sets.values()
        for table in tables.tables
        for column in table._meta.columns
    }
    owners = {pair for pair in columns if OWNER.fullmatch(pair[1])}
    assert owners - known == {
        ("portico_identity_link", "subject"),  # what a provider calls an account
        # Empty after the account is deleted, since the sums stay: a check of their own finds others.
        ("usage_call", "user_id"),
        ("usage_day", "user_id"),
    }


def test_checks_of_plugins_are_run(app: InProcessApp) -> None:
    async def names() -> list[str]:
        return [check.name for check in await app.portico.database_checks()]

    found = app.run(names)
    assert {"chats_text", "chats_chat.user_id", "engine"} <= set(found)
    assert "portico_audit.author" not in found


def test_fault_that_cannot_be_repaired_exits_with_1(
    app: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from portico.cli.check import check
    from portico.cli.context import CLIContext

    async def find() -> list[str]:
        return ["The file is damaged."]

    async def checks(_: object, behind: object) -> list[DatabaseCheck]:
        return [DatabaseCheck("engine", find)]

    monkeypatch.setattr("portico.boot.Application.database_checks", checks)
    context = CLIContext(None)
    context._application = app.portico
    monkeypatch.setattr(app.portico.database, "start", _nothing)
    monkeypatch.setattr(app.portico.database, "stop", _nothing)
    monkeypatch.setattr("portico.cli.check._outdated_owners", _no_outdated_owners)
    done = CliRunner().invoke(check, ["--repair"], obj=context)
    assert done.exit_code == 1
    assert done.output.splitlines()[-2:] == [
        "1 fault found. These could not be repaired:",
        "The file is damaged.",
    ]
    monkeypatch.undo()


async def _nothing() -> None:
    """The database of the application is already open."""


async def _no_outdated_owners(_: object) -> frozenset[str]:
    return frozenset()


def test_check_does_not_create_a_missing_database(
    cli: CommandLine, env: dict[str, str], database_url: str
) -> None:
    if database_url:
        done = cli("db", "check", code=0)  # an empty database has no faults
        assert "Not up to date" in done.stderr
        return
    done = cli("db", "check", code=1)
    assert "There is no database at" in done.stderr
    assert not (Path(env["DATA_DIR"]) / "portico.db").exists()
