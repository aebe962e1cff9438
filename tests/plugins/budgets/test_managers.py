"""The accounts that created groups may manage the budgets of these groups, if the policies say so."""

from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.budgets.requests import BUDGETS, set_budget

from portico.testing import Client

RULES = "p, budget, *, owner, allow\np, group, create, role:user, allow\n"


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ours.csv").write_text(RULES)
    return env | {"PORTICO_ACCESS_POLICY_DIR": str(tmp_path)}


def test_owner_of_a_group_manages_its_budgets_only(admin: Client, user: Client) -> None:
    group = user.post("/api/v1/groups/create", {"name": "Mine", "description": ""}).json["id"]
    foreign = set_budget(admin, 5)
    made = set_budget(user, 5, subject=f"group:{group}")
    assert [one["id"] for one in user.get(BUDGETS).json] == [made["id"]]
    path = f"{BUDGETS}/{made['id']}"
    assert user.request("PATCH", path, json={"limit": 6}).json["limit"] == 6
    form = {"subject": "everyone", "unit": "tokens", "period": "day", "limit": 1}
    assert user.post(BUDGETS, form).status == 403
    own = form | {"subject": f"user:{user.account['id']}"}
    assert user.post(BUDGETS, own).status == 403
    assert user.delete(f"{BUDGETS}/{foreign['id']}").status == 403
    other = admin.add_user("Eve")
    assert other.request("PATCH", path, json={"limit": 7}).status == 403
    assert user.delete(path).json is True
