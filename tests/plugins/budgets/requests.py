"""Requests of budgets, and calls of models that they count."""

import time
from typing import Any

from portico.testing import Client
from portico.testing.response import Response

BUDGETS = "/api/v1/budgets"


def set_budget(
    admin: Client,
    limit: float,
    unit: str = "requests",
    period: str | None = "month",
    subject: str = "everyone",
) -> dict[str, Any]:
    """Set a budget, and return it. Fails the test if it is refused."""
    form = {"subject": subject, "unit": unit, "period": period, "limit": limit}
    answer = admin.post(BUDGETS, form)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


def ask(client: Client, **body: Any) -> Response:
    """Call a model."""
    messages = [{"role": "user", "content": "hi"}]
    return client.post("/api/chat/completions", {"model": "good", "messages": messages, **body})


def budget_of(admin: Client, budget: dict[str, Any]) -> dict[str, Any]:
    """Return a budget with what was used of it now."""
    found: dict[str, Any] = next(
        one for one in admin.get(BUDGETS).json if one["id"] == budget["id"]
    )
    return found


def wait_until_used(
    admin: Client, budget: dict[str, Any], used: float, seconds: float = 20
) -> None:
    """Wait until this much of a budget is used and nothing is reserved. Fails the test if that does not come."""
    deadline = time.monotonic() + seconds
    while (found := budget_of(admin, budget))["reserved"] or found["used"] != used:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
