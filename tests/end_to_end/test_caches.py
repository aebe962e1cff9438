"""The list of models at an instance: shares of deleted groups, and lists that are cached until they are refreshed.

`test_two_instances.py` has everything else that an instance caches.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.instance_changes import DESK, PATIENCE, Two
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp, ServerProcess

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def two(two_apps: tuple[InProcessApp, InProcessApp]) -> Two:
    return Two(*two_apps)


def test_sharing_follows_the_deletion_of_a_group(two: Two) -> None:
    group = {"name": "Crew", "description": ""}
    crew = two.ada.post("/api/v1/groups/create", group).json["id"]
    mine = [two.here.account["id"]]
    two.post(f"/api/v1/groups/id/{crew}/users/add", {"user_ids": mine})

    def access(group_ids: list[str]) -> dict[str, Any]:
        empty: dict[str, list[str]] = {"group_ids": [], "user_ids": []}
        return {"read": {"group_ids": group_ids, "user_ids": mine}, "write": empty}

    def shown(who: Client) -> list[Any]:
        entries = {one["id"]: one for one in who.get("/api/models").json["data"]}
        record = who.get("/api/v1/models/model?id=desk").json
        about = entries.get("desk", {}).get("info", {})
        return [one.get("access_control") for one in (about, record)]

    two.post("/api/v1/models/create", DESK | {"access_control": access([crew])})
    two.both(shown, [access([crew])] * 2)
    assert two.ada.delete(f"/api/v1/groups/id/{crew}/delete").status == 200
    two.both(shown, [access([])] * 2)


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
