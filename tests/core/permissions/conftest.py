"""A permissions room on its own, with people, groups and one kind of thing, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.database_templates import Templates, started_database

from portico.audit import TABLES as AUDIT_TABLES
from portico.db import Database, execute
from portico.identity import TABLES as IDENTITY_TABLES
from portico.identity import Actor
from portico.permissions import TABLES, PolicyRule, ResourceKind

#: A kind of no plugin: the package must not depend on what the built-in plugins provide.
NOTE = ResourceKind("note", "note_note", ("read", "write", "delete"))
NOTE_POLICIES = (
    PolicyRule("note", "*", "owner"),
    PolicyRule("note", "read", "reader"),
    PolicyRule("note", "read", "everyone"),
    PolicyRule("note", "write", "writer"),
)

AddPerson = Callable[..., Awaitable[Actor]]
AddGroup = Callable[..., Awaitable[str]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    tables = {"audit": AUDIT_TABLES, "identity": IDENTITY_TABLES, "permissions": TABLES}
    async with started_database(templates, database_url, tmp_path, tables) as database:
        await database.execute("CREATE TABLE note_note (id TEXT PRIMARY KEY, user_id TEXT)")
        yield database


@pytest.fixture
def add_person(database: Database) -> AddPerson:
    return insert_person


@pytest.fixture
def add_group(database: Database) -> AddGroup:
    return insert_group


async def insert_person(person_id: str, role: str = "user") -> Actor:
    """An account whose id is also its name."""
    await execute(
        "INSERT INTO portico_account (id, email, role, name, profile_image_url, last_active_at, "
        "updated_at, created_at) VALUES ($1, $2, $3, $4, '', 0, 0, 0)",
        person_id,
        f"{person_id}@example.org",
        role,
        person_id,
    )
    return Actor(person_id, f"{person_id}@example.org", person_id, role, "", "")


async def insert_group(group_id: str, *members: Actor) -> str:
    await execute(
        "INSERT INTO portico_group (id, account_id, name, description, created_at, updated_at) "
        "VALUES ($1, '', $1, '', 0, 0)",
        group_id,
    )
    for member in members:
        await execute(
            "INSERT INTO portico_group_member (group_id, account_id, created_at) VALUES ($1, $2, 0)",
            group_id,
            member.id,
        )
    return group_id
