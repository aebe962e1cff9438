"""Budgets of money: prices, what calls cost, and models without a price."""

import json

import pytest
from tests.plugins.budgets.requests import BUDGETS, ask, budget_of, set_budget, wait_until_used

from portico.testing import Client

#: A call of `reasoning` with one token in and two out costs 0.5.
PRICES = {"reasoning": {"input": 100_000, "output": 200_000}}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_USAGE_PRICES": json.dumps(PRICES),
        "PORTICO_BUDGETS_CURRENCY": "EUR",
        "PORTICO_BUDGETS_DEFAULT_OUTPUT_TOKENS": "1",
    }


def test_calls_pay_their_price_until_the_budget_is_spent(admin: Client, user: Client) -> None:
    made = set_budget(admin, 0.75, "money", "month", f"user:{user.account['id']}")
    assert (made["limit"], made["currency"]) == (0.75, "EUR")
    assert ask(user, model="reasoning", stream=True).status == 200
    wait_until_used(admin, made, 0.5)
    assert ask(user, model="reasoning", stream=True).status == 200
    wait_until_used(admin, made, 1)  # one call may end above the limit
    refused = ask(user, model="reasoning", stream=True)
    assert refused.status == 429
    assert refused.detail.startswith("Budget exceeded: 0.75 money per month for user:")
    assert ask(user).status == 200  # it has no price
    assert budget_of(admin, made)["used"] == 1


def test_declared_answer_that_costs_too_much_is_refused(admin: Client, user: Client) -> None:
    set_budget(admin, 0.75, "money", "day", "model:reasoning")
    assert ask(user, model="reasoning", stream=True, max_tokens=4).status == 429
    assert ask(user, model="reasoning", stream=True, max_tokens=3).status == 200


def test_budget_of_money_for_a_model_without_a_price_is_400(admin: Client) -> None:
    form = {"subject": "model:good", "unit": "money", "period": "day", "limit": 1}
    answer = admin.post(BUDGETS, form)
    assert answer.status == 400 and "has no price" in answer.detail
    assert admin.post(BUDGETS, form | {"subject": "model:reasoning"}).status == 200
