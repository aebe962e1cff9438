"""Runs the tests of a module, or single tests, on SQLite only.

For modules that test headers, bodies, addresses or providers, whose results do not depend on the database. Such a module
has the line `from tests.one_database import database_url  # noqa: F401 - a fixture`. Single tests whose requests are
refused before a query is made about them have the decorator `on_sqlite`.
"""

import pytest

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def database_url() -> str:
    """SQLite in the data directory."""
    return ""
