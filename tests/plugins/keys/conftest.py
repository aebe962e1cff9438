import pytest
from tests.keyring import ON, permit

from portico.testing import Client


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | ON


@pytest.fixture
def person(admin: Client) -> Client:
    """Somebody who may have keys."""
    ben = admin.add_person("Ben")
    permit(admin, ben)
    return ben
