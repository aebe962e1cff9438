from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.gateway import CallResult, GatewayCall, ModelFilter
from portico.testing import InProcessApp

#: Registers filters that have these callbacks.
Install = Callable[..., None]


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """The default environment with one provider that all users may use."""
    return env | upstream.environment


@pytest.fixture
def install_filter(app: InProcessApp) -> Install:
    """`install_filter(inlet=…, …)` registers a filter with these callbacks, as if a plugin named `tests` had."""
    numbers = iter(range(100))

    def put(**declared: Any) -> None:
        one = ModelFilter(**{"name": f"f{next(numbers)}", **declared})
        assert one.fault() == ""
        app.portico.gateway.add_filters("tests", [one])

    return put


@pytest.fixture
def results(install_filter: Install) -> list[tuple[GatewayCall, CallResult]]:
    """How calls have ended, in order."""
    found: list[tuple[GatewayCall, CallResult]] = []
    install_filter(name="observer", ended=lambda call, result: found.append((call, result)))
    return found


@pytest.fixture
def text_of() -> Callable[[Any], str]:
    """`text_of(response)` is the text of a streamed answer."""

    def text(response: Any) -> str:
        chunks = [msgspec.json.decode(data) for data in response.events if data != "[DONE]"]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
        return "".join(delta.get("content") or "" for delta in deltas)

    return text
