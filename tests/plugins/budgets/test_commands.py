"""`portico budget …`."""

import json

from tests.plugins.budgets.requests import BUDGETS, ask

from portico.testing import Client, CommandLine


def test_budget_is_set_listed_and_removed(admin: Client, user: Client, cli: CommandLine) -> None:
    assert "There are no budgets" in cli("budget", "list").stderr
    email = str(user.account["email"])
    words = ("budget", "set", f"user:{email}", "1", "requests", "day")
    assert f"user:{user.account['id']}  1 requests per day  used 0" in cli(*words).stdout
    (made,) = json.loads(cli("budget", "list", "--json").stdout)
    assert (made["subject"], made["limit"]) == (f"user:{user.account['id']}", 1)
    cli("budget", "set", f"user:{user.account['id']}", "2", "requests", "day")
    assert [(one["id"], one["limit"]) for one in admin.get(BUDGETS).json] == [(made["id"], 2)]
    assert "used 0" in cli("budget", "list").stdout
    cli("budget", "remove", made["id"])
    assert admin.get(BUDGETS).json == []
    assert ask(user).status == 200
    found = admin.get("/api/v1/audit?resource_kind=budget").json["entries"]
    assert [one["event"] for one in found] == [
        "budget.deleted",
        "budget.changed",
        "budget.created",
    ]
    assert found[0]["author"] == "" and found[2]["new"]["limit"] == 1


def test_command_says_what_is_wrong(admin: Client, cli: CommandLine) -> None:
    without_period = cli("budget", "set", "everyone", "1", "tokens", code=2)
    assert "Add the period" in without_period.stderr
    unknown = cli("budget", "set", "user:none", "1", "tokens", "day", code=1)
    assert "There is no account with the id none" in unknown.stderr
    assert "no such budget" in cli("budget", "remove", "none", code=1).stderr
