"""For modules whose subject ends before any query: their tests run on SQLite alone.

What such a module tests (headers, bodies, addresses, providers) is decided before the database is asked, so the second run
proves nothing new. A module says `from tests.one_database import database_url  # noqa: F401 - a fixture`.
"""

import pytest


@pytest.fixture
def database_url() -> str:
    """SQLite in the data directory."""
    return ""
