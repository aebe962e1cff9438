from collections.abc import Iterator

import pytest
from tests.otlp_receiver import OTLPReceiver
from tests.upstream import Upstream


@pytest.fixture
def collector() -> Iterator[OTLPReceiver]:
    with OTLPReceiver() as receiver:
        yield receiver


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream, collector: OTLPReceiver) -> dict[str, str]:
    """The default environment with one provider, and traces that are sent at once."""
    return (
        env
        | upstream.environment
        | {
            "ENABLE_OTEL": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=acme%20inc",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
    )
