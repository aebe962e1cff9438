"""Runs the tests of a module on SQLite only.

For modules that test headers, bodies, addresses or providers, whose results do not depend on the database. Such a module
has the line `from tests.one_database import database_url  # noqa: F401 - a fixture`.
"""

import pytest


@pytest.fixture
def database_url() -> str:
    """SQLite in the data directory."""
    return ""
