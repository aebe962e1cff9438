"""Changes that one instance makes and another has to follow, and what shows that it does.

For the tests of caches, and for `python -m tests.benchmarks.instances`, which measures how long it takes.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests import api_keys

from portico.testing import Client, InProcessApp

#: Generous, for a machine that is busy: what is promised is a second, what is tested is that it happens.
PATIENCE = 10
#: Seconds between two questions. The longest delay is known to this precision.
PAUSE = 0.01
MODELS = "/api/v1/models"
DESK = {"id": "desk", "name": "Desk", "base_model_id": "good", "meta": {}, "params": {}}
TURN = {"model": "desk", "messages": [{"role": "user", "content": "hi"}], "stream": False}
DEFAULTS = "/api/v1/users/default/permissions"
GROUPS = "/api/v1/groups"


class Two:
    """Two instances on one database, and Ben, who has read from both. `here` is the one that is changed."""

    def __init__(self, here: InProcessApp, there: InProcessApp) -> None:
        self.apps = here, there
        self.ada = here.client.sign_up("Ada")
        self.here = self.ada.add_user("Ben")
        self.there = self.elsewhere(self.here)
        self.ben_id = self.here.account["id"]

    def elsewhere(self, who: Client) -> Client:
        """Return a client of the other instance with the same token."""
        return Client(self.apps[1].client.transport, who.token)

    def both(self, what: Callable[[Client], Any], expected: Any) -> float:
        """It is so at once where it was changed, and soon on the other server. Return after how many seconds."""
        began = time.monotonic()
        assert what(self.here) == expected
        while (found := what(self.there)) != expected:
            assert time.monotonic() < began + PATIENCE, found
            time.sleep(PAUSE)
        return time.monotonic() - began

    def post(self, path: str, form: Any = None) -> Any:
        """Send a request of the administrator that has to succeed."""
        answer = self.ada.post(path, form)
        assert answer.status == 200, answer
        return answer.json


class Step(NamedTuple):
    """`change` it, and then `what` an account sees is `expected`."""

    change: Callable[[], object]
    what: Callable[[Client], Any]
    expected: Any


Changes = Callable[[Two], Iterator[Step]]


def follow(two: Two, changes: Changes) -> float:
    """Make changes, each when both instances have just read what it concerns. Return the longest delay in seconds."""
    longest = 0.0
    for step in changes(two):
        step.what(two.here), step.what(two.there)
        step.change()
        longest = max(longest, two.both(step.what, step.expected))
    return longest


def listed(who: Client) -> str | None:
    """What the model is called in the list, if it is there."""
    names = {one["id"]: one["name"] for one in who.get("/api/models").json["data"]}
    return names.get("desk")


def answers(who: Client) -> int:
    return who.post("/api/chat/completions", TURN).status


def model_records(two: Two) -> Iterator[Step]:
    create, update = f"{MODELS}/create", f"{MODELS}/model/update"
    toggle, delete = f"{MODELS}/model/toggle?id=desk", f"{MODELS}/model/delete"
    yield Step(lambda: two.post(create, DESK), listed, "Desk")
    yield Step(lambda: None, answers, 200)
    yield Step(lambda: two.post(update, DESK | {"name": "Bench"}), listed, "Bench")
    yield Step(lambda: two.post(toggle), listed, None)
    yield Step(lambda: two.post(toggle), answers, 200)
    yield Step(lambda: two.post(delete, {"id": "desk"}), answers, 404)
    yield Step(lambda: None, listed, None)


def model_grants(two: Two) -> Iterator[Step]:
    update = f"{MODELS}/model/update"
    shared = {"read": {"user_ids": [two.ben_id]}}
    two.post(f"{MODELS}/create", DESK | {"access_control": {}})
    yield Step(lambda: two.post(update, DESK | {"access_control": shared}), listed, "Desk")
    yield Step(lambda: two.post(update, DESK | {"access_control": {}}), listed, None)
    yield Step(lambda: two.post(update, DESK | {"access_control": shared}), answers, 200)
    yield Step(lambda: two.post(update, DESK | {"access_control": {}}), answers, 404)
    two.post(f"{MODELS}/model/delete", {"id": "desk"})


def policy_versions(two: Two) -> Iterator[Step]:
    text = {"text": "p, model, use, role:user, allow\n"}
    two.post(f"{MODELS}/create", DESK | {"access_control": {}})
    save = lambda: two.ada.request("PUT", "/api/v1/policies/files/desk.csv", json=text)  # noqa: E731
    yield Step(save, listed, "Desk")
    yield Step(lambda: None, answers, 200)
    yield Step(lambda: two.post("/api/v1/policies/rollback", {"version": 0}), answers, 404)
    yield Step(lambda: None, listed, None)
    two.post(f"{MODELS}/model/delete", {"id": "desk"})


def may_create(who: Client) -> bool:
    """Asked with an id that is refused for itself, so that no model is made."""
    answer = who.post(f"{MODELS}/create", DESK | {"id": ""})
    assert answer.status in (400, 403), answer
    return answer.status == 400


def default_permissions(two: Two) -> Iterator[Step]:
    defaults = two.ada.get(DEFAULTS).json
    on = defaults | {"workspace": defaults["workspace"] | {"models": True}}
    yield Step(lambda: two.post(DEFAULTS, on), may_create, True)
    yield Step(lambda: two.post(DEFAULTS, defaults), may_create, False)


def groups(two: Two) -> Iterator[Step]:
    form = {"name": "Crew", "description": ""}
    may = {"permissions": {"workspace": {"models": True}}}
    crew = f"{GROUPS}/id/{two.post(f'{GROUPS}/create', form)['id']}"
    ben = {"user_ids": [two.ben_id]}
    two.post(f"{crew}/users/add", ben)
    yield Step(lambda: two.post(f"{crew}/update", form | may), may_create, True)
    yield Step(lambda: two.post(f"{crew}/users/remove", ben), may_create, False)
    yield Step(lambda: two.post(f"{crew}/users/add", ben), may_create, True)
    yield Step(lambda: two.ada.delete(f"{crew}/delete"), may_create, False)


def roles(two: Two) -> Iterator[Step]:
    def change(role: str) -> None:
        found = {name: two.here.account[name] for name in ("name", "email", "profile_image_url")}
        two.post(f"/api/v1/users/{two.ben_id}/update", found | {"role": role})

    def sees_accounts(who: Client) -> int:
        return who.get("/api/v1/users/").status

    yield Step(lambda: change("admin"), sees_accounts, 200)
    # A demotion ends the account's sessions.
    yield Step(lambda: change("user"), sees_accounts, 401)
    two.here = two.apps[0].client.sign_in("Ben")
    two.there = two.elsewhere(two.here)


def sessions(two: Two) -> Iterator[Step]:
    two.here = two.apps[0].client.sign_in("Ben")
    two.there = two.elsewhere(two.here)

    def is_signed_in(who: Client) -> bool:
        return who.get("/api/v1/auths/").status == 200

    yield Step(lambda: two.here.get("/api/v1/auths/signout"), is_signed_in, False)
    two.here = two.apps[0].client.sign_in("Ben")
    two.there = two.elsewhere(two.here)


def keys(two: Two) -> Iterator[Step]:
    config = "/api/v1/auths/admin/config"
    now = two.ada.get(config).json | {"ENABLE_API_KEYS": True}
    two.post(config, now)
    group = api_keys.permit(two.ada, two.here)
    created = api_keys.new_key(two.here)
    session, elsewhere = two.here, two.there
    two.here = Client(session.transport, created["api_key"])
    two.there = two.elsewhere(two.here)

    def reads_chats(who: Client) -> int:
        return who.get("/api/v1/chats/").status

    yield Step(lambda: two.post(config, now | {"ENABLE_API_KEYS": False}), reads_chats, 403)
    yield Step(lambda: two.post(config, now), reads_chats, 200)
    ben = {"user_ids": [two.ben_id]}
    yield Step(lambda: two.post(f"{GROUPS}/id/{group}/users/remove", ben), reads_chats, 403)
    yield Step(lambda: two.post(f"{GROUPS}/id/{group}/users/add", ben), reads_chats, 200)
    yield Step(lambda: session.delete(f"{api_keys.KEYS}/{created['id']}"), reads_chats, 401)
    two.here, two.there = session, elsewhere
    two.ada.delete(f"{GROUPS}/id/{group}/delete")


def profiles(two: Two) -> Iterator[Step]:
    def name(who: Client) -> str:
        return str(who.get("/api/v1/auths/").json["name"])

    form = {"name": "Benjamin", "profile_image_url": "/user.png"}
    yield Step(lambda: two.here.post("/api/v1/auths/update/profile", form), name, "Benjamin")


def feature_flags(two: Two) -> Iterator[Step]:
    """What `/api/config` says, and every setting that can be changed while the server runs."""
    config = "/api/v1/auths/admin/config"
    now = two.ada.get(config).json

    def folders(who: Client) -> bool:
        return bool(who.get("/api/config").json["features"]["enable_folders"])

    flipped = not now["ENABLE_FOLDERS"]
    yield Step(lambda: two.post(config, now | {"ENABLE_FOLDERS": flipped}), folders, flipped)

    here = two.apps[0].portico.runtime_settings
    values: dict[str, Any] = two.apps[0].run(here.values)
    changed = {name: not value for name, value in values.items() if isinstance(value, bool)}
    changed = {name: value for name, value in changed.items() if name not in here.pinned(changed)}

    def flags(who: Client) -> dict[str, Any]:
        app = two.apps[who.transport is two.there.transport]
        found: dict[str, Any] = app.run(app.portico.runtime_settings.values)
        return {name: found[name] for name in changed}

    ada = two.ada.account["id"]
    yield Step(lambda: two.apps[0].run(here.change, changed, ada), flags, changed)
    was = {name: values[name] for name in changed}
    yield Step(lambda: two.apps[0].run(here.change, was, ada), flags, was)


def presence(two: Two) -> Iterator[Step]:
    cleo = two.ada.add_user(f"Cleo{uuid.uuid4().hex}")
    cleo_id = cleo.account["id"]

    def is_active(who: Client) -> bool:
        return bool(who.get(f"/api/v1/users/{cleo_id}/active").json["active"])

    def count(who: Client) -> int:
        return int(who.get("/api/usage").json["user_count"])

    two.apps[0].run(_forget_presence, two, cleo_id)
    assert not is_active(two.there)
    before = count(two.there)
    yield Step(lambda: cleo.get("/api/v1/auths/"), is_active, True)
    yield Step(lambda: None, count, before + 1)


async def _forget_presence(two: Two, account_id: str) -> None:
    """Make an account one that was not seen for long."""
    from portico.db import execute

    presence = two.apps[0].portico.identity.presence
    await presence.flush(at_once=True)
    presence._drop(account_id)
    await execute("UPDATE portico_account SET last_active_at = 1 WHERE id = $1", account_id)


def chats(two: Two) -> Iterator[Step]:
    chat = two.here.post("/api/v1/chats/new", {"chat": {"title": "One"}}).json["id"]

    def title(who: Client) -> str:
        return str(who.get(f"/api/v1/chats/{chat}").json["title"])

    def rename() -> None:
        two.here.post(f"/api/v1/chats/{chat}", {"chat": {"title": "Two"}})

    yield Step(rename, title, "Two")


EVERYTHING: tuple[Changes, ...] = (
    model_records,
    model_grants,
    policy_versions,
    default_permissions,
    groups,
    roles,
    sessions,
    keys,
    profiles,
    feature_flags,
    presence,
    chats,
)
