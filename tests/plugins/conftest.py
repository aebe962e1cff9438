"""Fixtures for the tests of all plugins: two users."""

import pytest

from portico.testing import Client


@pytest.fixture
def ann(admin: Client) -> Client:
    return admin.add_user("Ann")


@pytest.fixture
def bob(admin: Client) -> Client:
    return admin.add_user("Bob")
