"""What every test may ask for: each one that touches a database runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from tests.servers import fresh_database, postgres_server
from tests.upstream import Upstream


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a test keeps its rows: "" for SQLite in the data directory, else a fresh PostgreSQL database."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture
def environment(environment: dict[str, str], database_url: str) -> dict[str, str]:
    """As the kit's, on both databases."""
    return environment | ({"DATABASE_URL": database_url} if database_url else {})


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A real provider of models, on a port of its own."""
    with Upstream() as running:
        yield running
