"""What models cost: set by the operator or at run time, and kept with each call."""

import json

import pytest
from tests.plugins.usage.conftest import Ask, Rows

from portico.testing import Client
from portico_usage.prices import PriceTable
from portico_usage.settings import ModelPriceSettings

PRICES = {"reasoning": {"input": 2.5, "output": 10}, "go*": {"input": 1, "output": 1}}


@pytest.mark.parametrize(
    ("model", "base", "found"),
    [
        ("gpt-4o", "gpt-4o", 4),
        ("my-preset", "gpt-4o", 4),
        ("gpt-4o-mini", "gpt-4o-mini", 3),
        ("gpt-4o-mini-2024", "x", 2),
        ("team", "gpt-4o", 9),
        ("other", "other", 1),
        ("a-b-c", "a-b-c", 7),
    ],
)
def test_exact_ids_count_more_than_patterns_and_presets_fall_back(
    model: str, base: str, found: int
) -> None:
    ids = {
        "*": 1,
        "gpt-4o*": 2,
        "gpt-*-mini": 3,
        "gpt-4o": 4,
        "a-*-*c": 7,
        "te*m*team": 8,
        "team": 9,
    }
    table = PriceTable({one: ModelPriceSettings(input=price) for one, price in ids.items()})
    price = table.find(model, base)
    assert price is not None and price.input == found * 1_000_000


def test_model_without_a_price_has_none() -> None:
    assert PriceTable({"gpt*": ModelPriceSettings(input=1)}).find("llama", "llama") is None


def test_price_at_the_time_is_kept_with_the_call(
    ask: Ask, admin: Client, user: Client, rows: Rows
) -> None:
    assert admin.get("/api/v1/usage/prices").json == {"currency": "USD", "prices": {}, "pinned": []}
    ask(user)
    rows("usage_call")
    set_now = admin.post("/api/v1/usage/prices", {"prices": PRICES, "currency": "EUR"})
    assert set_now.status == 200 and set_now.json["prices"]["reasoning"]["output"] == 10
    ask(user)
    rows("usage_call")
    admin.post("/api/v1/usage/prices", {"prices": {}})
    costs = {row["cost"] for row in rows("usage_call")}
    assert costs == {None, 23}  # 1 × 2.5 + 2 × 10 = 22.5 millionths
    report = admin.get("/api/v1/usage?group_by=model").json
    assert (report["currency"], report["total"]["cost"]) == ("EUR", 0.000023)
    assert report["total"]["unpriced_calls"] == 1
    assert admin.get("/api/v1/audit?event=setting.changed").json["entries"]


@pytest.mark.parametrize(
    "prices",
    [{"m": {"input": -1}}, {"m": {"input": 1e9}}, {"m": {"cost": 1}}, {"m": 5}, [], "x"],
)
def test_invalid_prices_are_refused(admin: Client, prices: object) -> None:
    assert admin.post("/api/v1/usage/prices", {"prices": prices}).status in (400, 422)
    assert admin.get("/api/v1/usage/prices").json["prices"] == {}


class TestPinnedPrices:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_USAGE_PRICES": json.dumps(PRICES)}

    def test_operators_prices_cannot_be_changed_at_run_time(self, admin: Client) -> None:
        found = admin.get("/api/v1/usage/prices").json
        assert found["pinned"] == ["prices"] and found["prices"]["reasoning"]["input"] == 2.5
        assert admin.post("/api/v1/usage/prices", {"prices": {}}).status == 400
        unchanged = {"prices": found["prices"], "currency": "EUR"}
        assert admin.post("/api/v1/usage/prices", unchanged).json["currency"] == "EUR"
