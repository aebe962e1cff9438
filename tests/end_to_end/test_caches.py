"""What each server remembers – the list of models, who may use them, what is set – ends when it is wrong.

At once where it was changed, and within the second on every other instance.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp, ServerProcess

pytestmark = pytest.mark.timeout(120)

#: Generous, for a machine that is busy: what is promised is a second, what is tested is that it happens.
PATIENCE = 10
CREATE, UPDATE = "/api/v1/models/create", "/api/v1/models/model/update"
TOGGLE, DELETE = "/api/v1/models/model/toggle?id=desk", "/api/v1/models/model/delete"
DESK = {"id": "desk", "name": "Desk", "base_model_id": "good", "meta": {}, "params": {}}
TURN = {"model": "desk", "messages": [{"role": "user", "content": "hi"}], "stream": False}


class Two:
    """Two instances on one database, and Ben, who has read from both. `here` is the one that is changed."""

    def __init__(self, here: InProcessApp, there: InProcessApp) -> None:
        self.ada = here.client.sign_up("Ada")
        self.here = self.ada.add_user("Ben")
        self.there = Client(there.client.transport, self.here.token)

    def both(self, what: Callable[[Client], Any], expected: Any) -> None:
        """It is so at once where it was changed, and soon on the other server."""
        assert what(self.here) == expected
        deadline = time.monotonic() + PATIENCE
        while (found := what(self.there)) != expected:
            assert time.monotonic() < deadline, found

    def change(self, path: str, form: Any = None) -> None:
        answer = self.ada.post(path, form)
        assert answer.status == 200, answer


@pytest.fixture
def two(two_apps: tuple[InProcessApp, InProcessApp]) -> Two:
    return Two(*two_apps)


def listed(who: Client) -> str | None:
    """What the model is called in the list, if it is there."""
    names = {one["id"]: one["name"] for one in who.get("/api/models").json["data"]}
    return names.get("desk")


def answers(who: Client) -> int:
    return who.post("/api/chat/completions", TURN).status


def test_model_list_follows_each_record_change(two: Two) -> None:
    two.both(listed, None)
    two.change(CREATE, DESK)
    two.both(listed, "Desk")
    two.both(answers, 200)
    two.change(UPDATE, DESK | {"name": "Bench"})
    two.both(listed, "Bench")
    two.change(TOGGLE)
    two.both(listed, None)
    two.both(answers, 404)
    two.change(TOGGLE)
    two.both(answers, 200)
    two.change(DELETE, {"id": "desk"})
    two.both(listed, None)
    two.both(answers, 404)


def test_model_access_follows_each_grant(two: Two) -> None:
    two.change(CREATE, DESK | {"access_control": {}})
    two.both(listed, None)
    shared = {"read": {"user_ids": [two.here.account["id"]]}}
    two.change(UPDATE, DESK | {"access_control": shared})
    two.both(listed, "Desk")
    two.both(answers, 200)
    two.change(UPDATE, DESK | {"access_control": {}})
    two.both(listed, None)
    two.both(answers, 404)


def test_model_list_follows_a_policy_change(two: Two) -> None:
    two.change(CREATE, DESK | {"access_control": {}})
    two.both(listed, None)
    page = "/api/v1/policies/files/desk.csv"
    saved = two.ada.request("PUT", page, json={"text": "p, model, use, role:user, allow\n"})
    assert saved.status == 200, saved
    two.both(listed, "Desk")
    two.both(answers, 200)
    assert two.ada.post("/api/v1/policies/rollback", {"version": 0}).status == 200
    two.both(listed, None)
    two.both(answers, 404)


def test_sharing_follows_the_deletion_of_a_group(two: Two) -> None:
    group = {"name": "Crew", "description": ""}
    crew = two.ada.post("/api/v1/groups/create", group).json["id"]
    mine = [two.here.account["id"]]
    two.change(f"/api/v1/groups/id/{crew}/users/add", {"user_ids": mine})

    def access(group_ids: list[str]) -> dict[str, Any]:
        empty: dict[str, list[str]] = {"group_ids": [], "user_ids": []}
        return {"read": {"group_ids": group_ids, "user_ids": mine}, "write": empty}

    def shown(who: Client) -> list[Any]:
        entries = {one["id"]: one for one in who.get("/api/models").json["data"]}
        record = who.get("/api/v1/models/model?id=desk").json
        about = entries.get("desk", {}).get("info", {})
        return [one.get("access_control") for one in (about, record)]

    two.change(CREATE, DESK | {"access_control": access([crew])})
    two.both(shown, [access([crew])] * 2)
    assert two.ada.delete(f"/api/v1/groups/id/{crew}/delete").status == 200
    two.both(shown, [access([])] * 2)


def test_permissions_follow_changed_defaults(two: Two) -> None:
    defaults = two.ada.get("/api/v1/users/default/permissions").json

    def may_create(who: Client) -> bool:
        """Asked with an id that is refused for itself, so that nothing is made."""
        answer = who.post(CREATE, DESK | {"id": ""})
        assert answer.status in (400, 403), answer
        return answer.status == 400

    two.both(may_create, False)
    for allowed in (True, False):
        workspace = defaults["workspace"] | {"models": allowed}
        two.change("/api/v1/users/default/permissions", defaults | {"workspace": workspace})
        two.both(may_create, allowed)


def test_cached_lists_load_at_start_and_then_only_on_refresh(
    servers: Callable[..., ServerProcess], upstream: Upstream
) -> None:
    named = {"OPENAI_API_CONFIGS": '{"0": {"access": "public"}}'}
    server = servers(ENABLE_BASE_MODELS_CACHE="true", MODELS_CACHE_TTL="0", **named).start()
    deadline = time.monotonic() + PATIENCE
    while not upstream.lists():
        assert time.monotonic() < deadline, "no list was loaded at start"
        time.sleep(0.01)
    ada = server.client.sign_up("Ada")

    def offered(query: str = "") -> set[str]:
        return {one["id"] for one in ada.get(f"/api/models{query}").json["data"]}

    before = offered()
    upstream.models = [*upstream.models, {"id": "brand-new", "object": "model"}]
    assert offered() == before
    assert upstream.lists() == 1
    assert offered("?refresh=true") == before | {"brand-new"}
    assert offered() == before | {"brand-new"}
    assert upstream.lists() == 2
