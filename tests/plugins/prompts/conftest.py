"""Fixtures: an application with prompts, an author, and two other users."""

from typing import Any

import pytest

from portico.testing import Client

PROMPTS = "/api/v1/prompts"
TAKEN = "Uh-oh! This command is already registered. Please choose another command string."


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,groups,audit,prompts,webclient"}


@pytest.fixture
def ann(admin: Client) -> Client:
    """An author: she may create prompts and share them with users and groups, but not publicly."""
    ann = admin.add_user("Ann")
    permissions = {"workspace": {"prompts": True}, "sharing": {"prompts": True}}
    group(admin, ann, permissions=permissions)
    return ann


def group(admin: Client, *members: Client, permissions: Any = None) -> str:
    """Create a group. Returns its id."""
    form = {"name": f"crew of {len(members)}", "description": "", "permissions": permissions}
    made = admin.post("/api/v1/groups/create", form).json["id"]
    ids = {"user_ids": [one.account["id"] for one in members]}
    assert admin.post(f"/api/v1/groups/id/{made}/users/add", ids).status == 200
    return str(made)


def form(command: str = "/summary", **more: Any) -> dict[str, Any]:
    return {
        "command": command,
        "title": "Summary",
        "content": "Sum up:",
        "access_control": {},
    } | more


def commands(client: Client, path: str = "/") -> list[str]:
    """Return the commands of a list, in its order."""
    answer = client.get(f"{PROMPTS}{path}")
    assert answer.status == 200, answer
    return [one["command"] for one in answer.json]
