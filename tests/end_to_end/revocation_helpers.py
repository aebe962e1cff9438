"""All causes of revocation, and all kinds of connections that it must end.

A new cause or kind is one line here; the test and the benchmark combine all of them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.open_connections import LiveRequests, LiveSocket, LiveStream

from portico.testing import PASSWORD, Client, ServerProcess


@dataclass(frozen=True)
class Scene:
    """An administrator, a person, and the credential of theirs that is taken away."""

    admin: Client
    person: Client
    held: Client


#: Seconds that a key lasts which is made to end: enough to hold on to it before it does.
LASTS = 4

Take = Callable[[Scene], Any]

#: Settings under which users may have API keys.
SETTINGS = {"ENABLE_API_KEYS": "true", "USER_PERMISSIONS_FEATURES_API_KEYS": "true"}


def _account(scene: Scene, **changes: str) -> dict[str, str]:
    known = {name: scene.person.account[name] for name in ("name", "email", "profile_image_url")}
    return {"role": "user", **known, **changes}


def _update(scene: Scene, **changes: str) -> Any:
    path = f"/api/v1/users/{scene.person.account['id']}/update"
    return scene.admin.post(path, _account(scene, **changes))


def _sign_out(scene: Scene) -> Any:
    return scene.held.get("/api/v1/auths/signout")


def _change_password(scene: Scene) -> Any:
    form = {"password": PASSWORD, "new_password": f"{PASSWORD}!"}
    return scene.person.post("/api/v1/auths/update/password", form)


def _delete(scene: Scene) -> Any:
    return scene.admin.delete(f"/api/v1/users/{scene.person.account['id']}")


def _end_sign_in(scene: Scene) -> Any:
    return scene.person.delete("/api/v1/auths/sessions")


def _signed_out_by_admin(scene: Scene) -> Any:
    return scene.admin.delete(f"/api/v1/users/{scene.person.account['id']}/sessions")


def _delete_key(scene: Scene) -> Any:
    (key,) = scene.person.get("/api/v1/auths/api_keys").json
    return scene.person.delete(f"/api/v1/auths/api_keys/{key['id']}")


def _expire_key(scene: Scene) -> Any:
    """A key with an expiry expires: no request ends it, only the clock."""
    (key,) = scene.person.get("/api/v1/auths/api_keys").json
    while time.time() < key["expires_at"]:
        time.sleep(0.02)
    return scene.person.get("/api/v1/auths/api_keys")


WAYS: dict[str, Take] = {
    "sign-out": _sign_out,
    "password change": _change_password,
    "admin reset": lambda scene: _update(scene, password=f"{PASSWORD}?"),
    "demotion": lambda scene: _update(scene, role="pending"),
    "deletion": _delete,
    "ended from the list": _end_sign_in,
    "ended by an administrator": _signed_out_by_admin,
}

#: The same for connections with an API key.
KEY_WAYS: dict[str, Take] = {
    "key deleted": _delete_key,
    "key expired": _expire_key,
    "demotion, of a key": WAYS["demotion"],
    "deletion, of a key": WAYS["deletion"],
}


def credential(way: str, person: Client, there: ServerProcess) -> Client:
    """What is taken away by this way: a sign-in at `there`, or a key."""
    if way in WAYS:
        return there.client.sign_in(str(person.account["name"]))
    ends = {"expires_at": int(time.time()) + LASTS} if way == "key expired" else {}
    made = person.post("/api/v1/auths/api_keys", {"name": "script", **ends})
    assert made.status == 200, made
    return Client(there.client.transport, made.json["api_key"], person.account)


#: Kinds of connections: each has `is_live` and, once it is not, `ended_at`.
HOLDS: dict[str, Callable[[ServerProcess, Client], Any]] = {
    "HTTP": lambda server, client: LiveRequests(client),
    "websocket": LiveSocket,
    "stream": LiveStream,
}

#: How many instances there are, and their Redis: none, one, or one that is stopped.
SETUPS = ("one instance", "two with Redis", "two without", "two with Redis stopped")
