"""Calls of models through a real upstream, and the rows that they leave."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.upstream import Upstream

from portico.api.models import TokenUsage
from portico.db import fetch_all, new_id, now
from portico.testing import Client, InProcessApp
from portico_usage.call_record import CallRecord
from portico_usage.components import UsagePlugin

Ask = Callable[..., Any]
Rows = Callable[[str], list[dict[str, Any]]]


def made_record(**changed: Any) -> CallRecord:
    """Return what is kept of a call, with some fields changed."""
    fields = {
        "id": new_id(),
        "at": now(),
        "user_id": "",
        "key_id": "",
        "chat_id": "",
        "operation": "chat",
        "model": "m",
        "base_model": "m",
        "source": "s",
        "outcome": "completed",
        "usage": TokenUsage(input_tokens=10, output_tokens=5),
        "first_byte_ms": 1,
        "duration_ms": 2,
    }
    return CallRecord(**{**fields, **changed})


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """The default environment with one provider that all users may use."""
    return env | upstream.environment


@pytest.fixture
def ask() -> Ask:
    """`ask(client, model)` completes one chat, streamed unless `stream=False`."""

    def complete(client: Client, model: str = "reasoning", **more: Any) -> Any:
        messages = [{"role": "user", "content": "How warm is it in Bern?"}]
        body = {"model": model, "messages": messages, "stream": True, **more}
        return client.post("/api/chat/completions", body)

    return complete


@pytest.fixture
def usage(app: InProcessApp) -> UsagePlugin:
    """The objects of the plugin."""
    [found] = [one for one in app.portico.contributions if one.plugin_name == "usage"]
    assert isinstance(found.components, UsagePlugin)
    return found.components


@pytest.fixture
def rows(app: InProcessApp, usage: UsagePlugin) -> Rows:
    """`rows("usage_call")` returns all rows of a table, after all queued calls are written."""

    async def read(table: str) -> list[dict[str, Any]]:
        await usage.writer.flush()
        order = "at, id" if table == "usage_call" else "1, 2"
        return await fetch_all(f"SELECT * FROM {table} ORDER BY {order}")

    return lambda table: app.run(read, table)
