"""API keys of users, and the permission for them."""

from typing import Any

from portico.testing import Client

KEYS = "/api/v1/auths/api_keys"
SINGLE = "/api/v1/auths/api_key"
#: Settings that enable API keys, for users with the permission.
ON = {"ENABLE_API_KEYS": "true"}
NOT_ALLOWED = "Use of API key is not enabled in the environment."
OUT_OF_BOUNDS = "API key not allowed to access this endpoint."


def permit(admin: Client, *users: Client) -> str:
    """Permit users to have API keys. Returns the id of the group with the permission."""
    form = {
        "name": "Programmers",
        "description": "",
        "permissions": {"features": {"api_keys": True}},
    }
    group = str(admin.post("/api/v1/groups/create", form).json["id"])
    ids = {"user_ids": [one.account["id"] for one in users]}
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", ids).status == 200
    return group


def new_key(owner: Client, **form: Any) -> dict[str, Any]:
    """Create an API key, and return the response."""
    answer = owner.post(KEYS, {"name": "script"} | form)
    assert answer.status == 200, answer
    created: dict[str, Any] = answer.json
    return created


def with_key(owner: Client, **form: Any) -> Client:
    """Return a client that uses a new API key of the owner."""
    return Client(owner.transport, new_key(owner, **form)["api_key"])
