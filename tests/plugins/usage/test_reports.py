"""Usage over HTTP: sums and calls, for administrators and for oneself."""

import csv
import io
from typing import Any

import pytest
from tests.plugins.policy_admin.conftest import put_policy_file
from tests.plugins.usage.conftest import Ask, Rows, made_record

from portico.api.models import TokenUsage
from portico.testing import Client
from portico_usage.components import UsagePlugin

NOON = 1_700_000_000 - 1_700_000_000 % 86400 + 43200  # 2023-11-14
DAY = 86400


def add(usage: UsagePlugin, *records: dict[str, Any]) -> None:
    for fields in records:
        usage.writer.add(made_record(**{"at": NOON, **fields}))


@pytest.fixture
def group(admin: Client, user: Client) -> str:
    made = admin.post("/api/v1/groups/create", {"name": "Sales", "description": ""}).json["id"]
    ids = {"user_ids": [user.account["id"], admin.account["id"]]}
    admin.post(f"/api/v1/groups/id/{made}/users/add", ids)
    return str(made)


def labelled(report: Any, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in (*names, "calls")) for item in report["items"]]


@pytest.mark.both_databases
def test_sums_are_grouped_by_any_dimension(
    usage: UsagePlugin, admin: Client, user: Client, group: str, rows: Rows
) -> None:
    ada, ben = admin.account["id"], user.account["id"]
    add(
        usage,
        {"user_id": ada, "model": "big", "base_model": "gpt"},
        {"user_id": ben, "model": "big", "base_model": "gpt", "key_id": "k"},
        {"user_id": ben, "model": "gpt", "base_model": "gpt", "at": NOON + DAY},
        {"user_id": ben, "model": "gpt", "base_model": "gpt", "at": NOON + 40 * DAY, "source": "t"},
    )
    rows("usage_day")

    def by(dimensions: str, *names: str, more: str = "") -> list[tuple[Any, ...]]:
        found = admin.get(f"/api/v1/usage?group_by={dimensions}{more}")
        assert found.status == 200, found.json
        assert found.json["total"]["calls"] == (4 if not more else found.json["total"]["calls"])
        return labelled(found.json, *names)

    assert by("day", "day") == [("2023-12-24", 1), ("2023-11-15", 1), ("2023-11-14", 2)]
    assert by("month", "month") == [("2023-12", 1), ("2023-11", 3)]
    assert by("user", "user_email") == [("ben@example.org", 3), ("ada@example.org", 1)]
    assert by("group", "group_id", "group_name") == [(group, "Sales", 4)]
    assert set(by("model,base_model", "model", "base_model")) == {
        ("big", "gpt", 2),
        ("gpt", "gpt", 2),
    }
    assert set(by("source", "source")) == {("s", 3), ("t", 1)}
    assert set(by("key", "key_id")) == {("", 3), ("k", 1)}
    assert by("month", "month", more="&user=ben@example.org&model=gpt") == [
        ("2023-12", 1),
        ("2023-11", 1),
    ]
    assert by("day", "day", more=f"&from={NOON + DAY}&to={NOON + 2 * DAY}") == [("2023-11-15", 1)]
    assert by("day", "day", more=f"&group={group}&source=t&base_model=gpt") == [("2023-12-24", 1)]
    assert by("day", "day", more="&key=k") == [("2023-11-14", 1)]
    assert by("day", "day", more="&group=none") == []


@pytest.mark.both_databases
def test_pages_of_sums_and_calls_have_each_once(
    usage: UsagePlugin, admin: Client, rows: Rows
) -> None:
    add(usage, *[{"model": f"m{number:03}", "at": NOON + number % 3} for number in range(230)])
    rows("usage_day")
    seen, page = [], 1
    while page:
        report = admin.get(f"/api/v1/usage?group_by=model&page={page}").json
        seen += [item["model"] for item in report["items"]]
        page = report["next"]
    assert sorted(seen) == [f"m{number:03}" for number in range(230)]
    calls, before = [], ""
    while before is not None:
        found = admin.get(f"/api/v1/usage/calls?before={before}").json
        calls += [item["model"] for item in found["items"]]
        before = found["next"]
    assert sorted(calls) == sorted(seen)
    assert calls[0] in {"m002", "m005"} or int(calls[0][1:]) % 3 == 2


@pytest.mark.both_databases
def test_users_see_their_own_usage_and_no_other(
    ask: Ask, usage: UsagePlugin, admin: Client, user: Client, rows: Rows
) -> None:
    ask(user)
    ask(admin)
    rows("usage_day")
    own = user.get("/api/v1/usage/me?group_by=model").json
    assert labelled(own, "model") == [("reasoning", 1)]
    [call] = user.get("/api/v1/usage/me/calls").json["items"]
    assert (call["user_id"], call["outcome"]) == (user.account["id"], "completed")
    assert len(user.get("/api/v1/usage/me/export").json) == 1
    assert user.get(f"/api/v1/usage/me?user={admin.account['id']}").json["total"]["calls"] == 1
    assert user.get("/api/v1/usage/me?group_by=user").status == 422
    assert user.get("/api/v1/usage").status == 403


def test_policy_rules_decide_who_sees_whose_usage(admin: Client, user: Client) -> None:
    rules = (
        f"p, usage, read, user:{user.account['id']}, allow\np, usage, read_own, role:user, deny\n"
    )
    put_policy_file(admin, "auditors.csv", rules)
    assert user.get("/api/v1/usage").status == 200
    assert user.get("/api/v1/usage/me").status == 403


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("group_by=phase", 422),
        ("user=absent@example.org", 404),
        ("user=%00", 422),
        ("model=%00", 422),
        ("from=soon", 422),
        ("from=99999999999999999999", 200),
        ("page=0", 200),
        ("page=99999999999999999999", 200),
    ],
)
def test_odd_filters_are_answered_and_harm_nothing(admin: Client, query: str, status: int) -> None:
    assert admin.get(f"/api/v1/usage?{query}").status == status


def test_csv_runs_nothing_in_a_spreadsheet(usage: UsagePlugin, admin: Client, rows: Rows) -> None:
    add(usage, {"model": '=cmd|"/c calc"!A1', "base_model": "-1+1", "source": 'say "hi", you'})
    rows("usage_day")
    answer = admin.get("/api/v1/usage/export?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    [line] = csv.DictReader(io.StringIO(answer.body.decode(), newline=""))
    assert (line["model"], line["base_model"]) == ('\'=cmd|"/c calc"!A1', "'-1+1")
    assert (line["source"], line["cost"], line["input_tokens"]) == ('say "hi", you', "", "10")


@pytest.mark.both_databases
def test_exports_have_all_calls_or_all_sums(usage: UsagePlugin, admin: Client, rows: Rows) -> None:
    add(usage, *[{"model": f"m{number % 5}"} for number in range(1205)])
    rows("usage_day")
    calls = admin.get("/api/v1/usage/export").json
    assert len({call["id"] for call in calls}) == 1205
    sums = admin.get("/api/v1/usage/export?group_by=model&format=csv").body.decode()
    lines = list(csv.DictReader(io.StringIO(sums, newline="")))
    assert [(line["model"], line["calls"]) for line in lines] == [
        (f"m{n}", "241") for n in range(5)
    ]
    assert admin.get("/api/v1/usage/export?format=xml").status == 422
    assert admin.get("/api/v1/usage/export?model=none").json == []


def test_large_sums_are_exact(usage: UsagePlugin, admin: Client, rows: Rows) -> None:
    add(usage, *[{"usage": TokenUsage(input_tokens=10**9 - 1)}] * 3)
    rows("usage_day")
    assert admin.get("/api/v1/usage").json["total"]["input_tokens"] == 3 * (10**9 - 1)
