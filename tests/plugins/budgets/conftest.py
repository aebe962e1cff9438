import pytest
from tests.upstream import Upstream


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """The default environment with one provider that all users may use."""
    return env | upstream.environment
