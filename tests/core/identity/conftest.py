"""`Identity` without the rest of the application, on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.database_templates import Templates, started_database

from portico.audit import TABLES as AUDIT_TABLES
from portico.db import Database
from portico.events import EventBus, Listener
from portico.identity import (
    TABLES,
    Account,
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    GroupChanged,
    Identity,
    SessionRevoked,
)
from portico.runtime_settings import TABLES as CONFIGURATION_TABLES
from portico.settings.identity import IdentitySettings
from portico.settings.section import Secret

SECRET = Secret("a-secret-for-tests-only-0123456789abcdefghij")
NewAccount = Callable[..., Awaitable[Account]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    tables = {"audit": AUDIT_TABLES, "configuration": CONFIGURATION_TABLES, "identity": TABLES}
    async with started_database(templates, database_url, tmp_path, tables) as database:
        yield database


@pytest.fixture
def published() -> list[Any]:
    """Every event that was published, in order."""
    return []


@pytest.fixture
def bus(published: list[Any]) -> EventBus:
    bus = EventBus(lambda owner, handle, event: handle(event))
    kinds = (AccountChanged, AccountCreated, AccountDeleted, GroupChanged, SessionRevoked)
    bus.subscribe("test", [Listener(kind, published.append) for kind in kinds])
    return bus


@pytest.fixture
def identity(database: Database, bus: EventBus) -> Identity:
    return Identity(IdentitySettings(bcrypt_rounds=4), SECRET, bus)


@pytest.fixture
def new_account(identity: Identity) -> NewAccount:
    """Make an account: `await new_account("Ann")`."""

    async def make(name: str, password: str | None = None, role: str | None = None) -> Account:
        hashed = None if password is None else await identity.hash_password(password)
        return await identity.accounts.create(
            name=name, email=f"{name}@Example.org", password_hash=hashed, role=role
        )

    return make
