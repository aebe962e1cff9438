import pytest
from tests.upstream import Upstream


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """As everywhere, with one provider, open to everybody."""
    return env | upstream.environment
