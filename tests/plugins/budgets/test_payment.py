"""What calls have used, by how they ended."""

from typing import Any

import pytest

from portico.api.interfaces import ModelPrice
from portico.api.models import CallResult, GatewayCall, SourceRequest, TokenUsage
from portico.identity import Actor
from portico_budgets.budget import Unit
from portico_budgets.budget_filter import _used

ACTOR = Actor("id", "e", "n", "user", "", "session")


REQUEST = SourceRequest(model="m", body={}, params={}, stream=False, actor=ACTOR)
PRICE = ModelPrice(input=1_000_000, output=2_000_000, cached=0)
USAGE = TokenUsage(input_tokens=10, output_tokens=5)
ESTIMATED = TokenUsage(input_tokens=10, is_estimated=True)
PAID: dict[Unit, int] = {"requests": 1, "tokens": 15, "money": 20, "concurrency": 0}
FREE: dict[Unit, int] = dict.fromkeys(PAID, 0)


@pytest.mark.parametrize(
    ("outcome", "usage", "source", "expected"),
    [
        ("completed", USAGE, "s", PAID),
        ("completed", ESTIMATED, "s", PAID | {"tokens": 10, "money": 10}),
        ("failed", USAGE, "s", PAID),
        ("failed", ESTIMATED, "s", FREE),
        ("failed", TokenUsage(), "s", FREE),
        ("cancelled", ESTIMATED, "s", PAID | {"tokens": 10, "money": 10}),
        ("cancelled", TokenUsage(), "", FREE),
        ("refused", TokenUsage(), "", FREE),
    ],
)
def test_call_pays_by_its_outcome(
    outcome: Any, usage: TokenUsage, source: str, expected: dict[Unit, int]
) -> None:
    target: Any = None
    call = GatewayCall(id="1", target=target, request=REQUEST, source=source)
    result = CallResult(outcome=outcome, usage=usage, seconds=1.0)
    assert {unit: _used(unit, call, result, PRICE) for unit in PAID} == expected
