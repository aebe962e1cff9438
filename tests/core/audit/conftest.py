"""An audit log with its hash chain, without a server, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.database_templates import Templates, started_database

from portico.audit import TABLES
from portico.db import Database
from portico.encryption import Encryptor, make_key_ring
from portico.identity import TABLES as IDENTITY_TABLES
from portico.instances import TABLES as INSTANCE_TABLES
from portico.settings.section import Secret

KEY, NEW_KEY = Secret("a first key " * 4), Secret("another key " * 4)


def encryptor(*secrets: Secret) -> Encryptor:
    return Encryptor(lambda: make_key_ring(secrets or (KEY,)))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    tables = {"instances": INSTANCE_TABLES, "audit": TABLES, "identity": IDENTITY_TABLES}
    async with started_database(templates, database_url, tmp_path, tables) as database:
        yield database
