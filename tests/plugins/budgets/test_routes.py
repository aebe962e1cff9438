"""Budgets over HTTP: who sets and sees them, and what is refused."""

import calendar
import time
from typing import Any

import pytest
from tests.api_keys import ON, new_key, permit
from tests.plugins.budgets.requests import BUDGETS, ask, budget_of, set_budget, wait_until_used

from portico.testing import Client


def test_budget_is_set_changed_listed_and_deleted(admin: Client) -> None:
    made = set_budget(admin, 5, period="month")
    assert (made["subject"], made["unit"], made["period"], made["limit"]) == (
        "everyone",
        "requests",
        "month",
        5,
    )
    assert (made["used"], made["reserved"], made["currency"]) == (0, 0, None)
    assert made["resets_at"] > time.time()
    assert time.gmtime(made["resets_at"])[2:6] == (1, 0, 0, 0)
    assert admin.get(BUDGETS).json == [made]
    path = f"{BUDGETS}/{made['id']}"
    changed = admin.request("PATCH", path, json={"limit": 7}).json
    assert changed["limit"] == 7
    assert admin.delete(path).json is True
    assert admin.get(BUDGETS).json == []
    assert admin.delete(path).status == 404
    assert admin.request("PATCH", path, json={"limit": 7}).status == 404


@pytest.mark.parametrize(
    "subject", ["user:none", "group:none", "key:none", "model:none", "role:admin", "user:", ""]
)
def test_unknown_subject_is_400(admin: Client, subject: str) -> None:
    form = {"subject": subject, "unit": "requests", "period": "day", "limit": 1}
    assert admin.post(BUDGETS, form).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": 1.5},
        {"limit": None},
        {"unit": "words"},
        {"period": "year"},
        {"period": None},
    ],
)
def test_invalid_budget_is_422(admin: Client, wrong: dict[str, Any]) -> None:
    form = {"subject": "everyone", "unit": "requests", "period": "day", "limit": 1}
    assert admin.post(BUDGETS, form | wrong).status == 422


def test_second_budget_of_the_same_kind_is_400(admin: Client) -> None:
    set_budget(admin, 5)
    form = {"subject": "everyone", "unit": "requests", "period": "month", "limit": 9}
    answer = admin.post(BUDGETS, form)
    assert answer.status == 400 and "Change its limit" in answer.detail
    set_budget(admin, 9, period="day")


def test_call_over_budget_is_refused_with_reset_time(admin: Client, user: Client) -> None:
    subject = f"user:{user.account['id']}"
    made = set_budget(admin, 2, subject=subject, period="month")
    assert [ask(user).status, ask(user).status] == [200, 200]
    refused = ask(user)
    assert refused.status == 429
    resets = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made["resets_at"]))
    assert refused.detail == (
        f"Budget exceeded: 2 requests per month for {subject}; resets at {resets}"
    )
    assert refused.json["error"]["code"] == "budget_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 31 * 86400
    assert calendar.timegm(time.gmtime()) < made["resets_at"]
    assert ask(admin).status == 200
    wait_until_used(admin, made, 2)


def test_raised_limit_lets_calls_pass_at_once(admin: Client, user: Client) -> None:
    made = set_budget(admin, 1)
    assert [ask(user).status, ask(user).status] == [200, 429]
    admin.request("PATCH", f"{BUDGETS}/{made['id']}", json={"limit": 2})
    assert [ask(user).status, ask(user).status] == [200, 429]
    admin.delete(f"{BUDGETS}/{made['id']}")
    assert ask(user).status == 200


def test_all_budgets_that_apply_must_allow(admin: Client, user: Client) -> None:
    wide = set_budget(admin, 5)
    narrow = set_budget(admin, 1, subject="model:good")
    assert [ask(user).status, ask(user).status] == [200, 429]
    wait_until_used(admin, wide, 1)
    wait_until_used(admin, narrow, 1)


def test_budget_of_a_model_limits_its_presets(admin: Client, user: Client) -> None:
    preset = {"id": "mine", "name": "Mine", "base_model_id": "good", "params": {}, "meta": {}}
    assert admin.post("/api/v1/models/create", preset | {"access_control": None}).status == 200
    of_base = set_budget(admin, 3, subject="model:good")
    of_preset = set_budget(admin, 1, subject="model:mine")
    assert [ask(user, model="mine").status, ask(user, model="mine").status] == [200, 429]
    assert ask(user).status == 200
    wait_until_used(admin, of_base, 2)
    wait_until_used(admin, of_preset, 1)


def test_failed_call_gives_its_request_back(admin: Client, user: Client) -> None:
    made = set_budget(admin, 2)
    for _ in range(3):
        assert ask(user, model="status-500").status == 502
        wait_until_used(admin, made, 0)
    assert [ask(user).status for _ in range(3)] == [200, 200, 429]


def test_tokens_are_settled_with_the_reported_usage(admin: Client, user: Client) -> None:
    made = set_budget(admin, 100, "tokens", "day")
    assert ask(user, model="reasoning", stream=True).status == 200
    wait_until_used(admin, made, 3)


def test_call_whose_declared_answer_does_not_fit_is_refused(admin: Client, user: Client) -> None:
    made = set_budget(admin, 100, "tokens", "day")
    refused = ask(user, model="reasoning", stream=True, max_tokens=101)
    assert refused.status == 429 and "100 tokens per day for everyone" in refused.detail
    assert ask(user, model="reasoning", stream=True, max_tokens=50).status == 200
    wait_until_used(admin, made, 3)


def test_concurrency_counts_running_calls(admin: Client, user: Client) -> None:
    made = set_budget(admin, 1, "concurrency", None)
    assert (made["period"], made["resets_at"]) == (None, None)
    for _ in range(3):
        assert ask(user).status == 200
        wait_until_used(admin, made, 0)


@pytest.mark.both_databases
def test_user_sees_what_applies(admin: Client, user: Client) -> None:
    other = admin.add_user("Eve")
    group = admin.post("/api/v1/groups/create", {"name": "Physics", "description": ""}).json["id"]
    admin.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [user.account["id"]]})
    own = set_budget(admin, 4, subject=f"user:{user.account['id']}")
    shared = set_budget(admin, 5, subject=f"group:{group}")
    usable = set_budget(admin, 6, subject="model:good")
    assert ask(user).status == 200
    for made in (own, shared, usable):
        wait_until_used(admin, made, 1)
    seen = {one["id"]: (one["used"], one["limit"]) for one in user.get(f"{BUDGETS}/me").json}
    assert seen == {own["id"]: (1, 4), shared["id"]: (1, 5), usable["id"]: (1, 6)}
    assert [one["id"] for one in other.get(f"{BUDGETS}/me").json] == [usable["id"]]


def test_users_may_not_set_budgets(admin: Client, user: Client, client: Client) -> None:
    made = set_budget(admin, 4, subject=f"user:{user.account['id']}")
    form = {"subject": "everyone", "unit": "requests", "period": "day", "limit": 1}
    path = f"{BUDGETS}/{made['id']}"
    assert user.get(BUDGETS).status == 403
    assert user.post(BUDGETS, form).status == 403
    assert user.request("PATCH", path, json={"limit": 9}).status == 403
    assert user.delete(path).status == 403
    assert user.delete(f"{BUDGETS}/unknown").status == 403
    assert client.get(BUDGETS).status == 401 and client.get(f"{BUDGETS}/me").status == 401
    assert budget_of(admin, made)["limit"] == 4


def test_deleted_account_and_group_lose_their_budgets(admin: Client, user: Client) -> None:
    group = admin.post("/api/v1/groups/create", {"name": "Physics", "description": ""}).json["id"]
    set_budget(admin, 4, subject=f"user:{user.account['id']}")
    set_budget(admin, 4, subject=f"group:{group}")
    kept = set_budget(admin, 4)
    assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200
    assert admin.delete(f"/api/v1/groups/id/{group}/delete").json is True
    assert [one["id"] for one in admin.get(BUDGETS).json] == [kept["id"]]


class TestKeys:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | ON

    def test_budget_of_a_key_limits_that_key(self, admin: Client, user: Client) -> None:
        permit(admin, user)
        limited, free = new_key(user, name="a"), new_key(user, name="b")
        made = set_budget(admin, 1, subject=f"key:{limited['id']}")
        program = Client(user.transport, limited["api_key"])
        assert [ask(program).status, ask(program).status] == [200, 429]
        assert ask(Client(user.transport, free["api_key"])).status == 200
        assert ask(user).status == 200
        assert [one["id"] for one in user.get(f"{BUDGETS}/me").json] == [made["id"]]
        assert user.delete(f"/api/v1/auths/api_keys/{limited['id']}").json is True
        deadline = time.monotonic() + 10
        while admin.get(BUDGETS).json:
            assert time.monotonic() < deadline, "the budget of the deleted key stays"
            time.sleep(0.02)
