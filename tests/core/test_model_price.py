"""What a call costs: whole millionths of the currency."""

import pytest

from portico.api.interfaces import ModelPrice
from portico.api.models import TokenUsage

#: 2.50 for a million input tokens, 10 for a million output tokens, 1.25 for cached ones.
PRICE = ModelPrice(input=2_500_000, output=10_000_000, cached=1_250_000)


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000), 12_500_000),
        (TokenUsage(input_tokens=1_000_000, cached_tokens=400_000), 2_000_000),
        (TokenUsage(input_tokens=10, cached_tokens=99), 13),
        (TokenUsage(input_tokens=1), 3),
        (TokenUsage(), 0),
    ],
)
def test_cost_counts_cached_tokens_once_and_is_rounded(usage: TokenUsage, micros: int) -> None:
    assert PRICE.cost(usage) == micros
