"""An application with an operator's policy directory, users, a group and a model of Ada's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, InProcessApp

AddGroup = Callable[..., str]


@pytest.fixture
def policy_dir(tmp_path: Path) -> Path:
    """The operator's pages."""
    directory = tmp_path / "policies"
    directory.mkdir()
    return directory


@pytest.fixture
def env(env: dict[str, str], policy_dir: Path) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,models,chats,policy_admin,audit",
        "PORTICO_ACCESS_POLICY_DIR": str(policy_dir),
        "BYPASS_ADMIN_ACCESS_CONTROL": "false",
    }


@pytest.fixture
def add_group(app: InProcessApp, admin: Client) -> AddGroup:
    """Make a group: `add_group("Staff", ben)`. Returns its id."""

    def make(name: str, *members: Client) -> str:
        groups = app.portico.identity.groups

        async def work() -> str:
            group = await groups.create(
                name=name, description="", by=admin.account["id"], permissions=None
            )
            await groups.add_members(group.id, [one.account["id"] for one in members])
            return str(group.id)

        return str(app.run(work))

    return make


def add_model(by: Client, model_id: str = "legal-desk", **access: Any) -> str:
    """A private model, or one shared with `read={"group_ids": [...]}`."""
    form = {
        "id": model_id,
        "name": model_id,
        "base_model_id": "gpt",
        "meta": {},
        "params": {},
        "access_control": access,
    }
    answer = by.post("/api/v1/models/create", form)
    assert answer.status == 200, answer
    return model_id


def put_policy_file(by: Client, name: str, text: str) -> Any:
    return by.request("PUT", f"/api/v1/policies/files/{name}", json={"text": text})
