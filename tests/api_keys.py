"""People's keys, and who may have some."""

from typing import Any

from portico.testing import Client

KEYS = "/api/v1/auths/api_keys"
SINGLE = "/api/v1/auths/api_key"
#: Keys are on, for whoever has the permission.
ON = {"ENABLE_API_KEYS": "true"}
NOT_ALLOWED = "Use of API key is not enabled in the environment."
OUT_OF_BOUNDS = "API key not allowed to access this endpoint."


def permit(admin: Client, *people: Client) -> str:
    """Let people have keys. Returns the id of the group that permits it."""
    form = {
        "name": "Programmers",
        "description": "",
        "permissions": {"features": {"api_keys": True}},
    }
    group = str(admin.post("/api/v1/groups/create", form).json["id"])
    ids = {"user_ids": [one.account["id"] for one in people]}
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", ids).status == 200
    return group


def new_key(owner: Client, **form: Any) -> dict[str, Any]:
    """What is told of a key that was just made."""
    answer = owner.post(KEYS, {"name": "script"} | form)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json
    return told


def with_key(owner: Client, **form: Any) -> Client:
    """A program with a new key of somebody's."""
    return Client(owner.transport, new_key(owner, **form)["api_key"])
