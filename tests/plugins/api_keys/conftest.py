import pytest
from tests.api_keys import ON, permit

from portico.testing import Client


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | ON


@pytest.fixture
def user(admin: Client) -> Client:
    """A user with the permission for keys."""
    ben = admin.add_user("Ben")
    permit(admin, ben)
    return ben
