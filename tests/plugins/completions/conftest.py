import pytest
from tests.upstream import Upstream


@pytest.fixture
def environment(environment: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """As everywhere, with one provider, open to everybody."""
    return environment | upstream.environment
