"""What one instance changes is so on the other within a second: by a message, or when what is cached there expires."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.instance_changes import (
    EVERYTHING,
    PATIENCE,
    Two,
    default_permissions,
    feature_flags,
    follow,
    groups,
    model_records,
    sessions,
)
from tests.redis_server import RedisServer
from tests.upstream import Upstream

from portico.boot import Application
from portico.cache import BytesCache, TTLCache
from portico.testing import InProcessApp

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

OpenTwo = Callable[..., Two]


@pytest.fixture
def open_two(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> Iterator[OpenTwo]:
    """Start two instances with these settings."""
    apps: list[InProcessApp] = []

    def start(**settings: str) -> Two:
        for _ in range(2):
            apps.append(InProcessApp(env | settings, complete_schema))
        return Two(*apps)

    yield start
    for app in apps:
        app.close()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_peers(two: Two) -> None:
    """Wait until each instance knows of the other, which it learns within a second."""
    until(lambda: all(app.portico.instance_channel.has_peers for app in two.apps))


@pytest.fixture(params=["database", "redis"])
def messages(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings for messages through the database, or through Redis."""
    if request.param == "database":
        return {}
    url = request.getfixturevalue("shared_redis")
    return {"REDIS_URL": url, "REDIS_KEY_PREFIX": str(tmp_path)}


@pytest.mark.both_databases
def test_other_instance_follows_every_change(open_two: OpenTwo, messages: dict[str, str]) -> None:
    two = open_two(**messages)
    wait_for_peers(two)
    for changes in EVERYTHING:
        follow(two, changes)


@pytest.mark.case("FT-08")
@pytest.mark.parametrize("outage", ["stop", "stun"])
def test_other_instance_follows_while_redis_is_away(
    open_two: OpenTwo, redis: RedisServer, outage: str
) -> None:
    """`stun`: Redis accepts connections and answers nothing."""
    two = open_two(REDIS_URL=redis.url)
    wait_for_peers(two)
    getattr(redis, outage)()
    for changes in (default_permissions, groups, feature_flags, model_records, sessions):
        follow(two, changes)


def test_message_of_a_change_clears_all_that_depends_on_it(
    open_two: OpenTwo, messages: dict[str, str]
) -> None:
    """Caches that live for an hour at the other instance do not matter."""
    two = open_two(**messages)
    there = two.apps[1].portico
    caches: list[TTLCache[Any, Any] | BytesCache] = [
        there.settings_store.cache,
        there.identity._group_permissions,
        there.permissions.principals.cache,
        there.catalogue._documents,
    ]
    for cache in caches:
        cache._ttl = 3600.0
    wait_for_peers(two)
    for changes in (default_permissions, groups, feature_flags):
        follow(two, changes)


#: The settings of a source that offers whatever its server lists.
ALL_MODELS = {"OPENAI_API_CONFIGS": '{"0": {"access": "public"}}'}


def source_models(app: InProcessApp) -> int:
    """How many models the source of an instance has. Asking does not refresh the list."""
    return sum(one.models for one in app.portico.catalogue.statuses())


def test_refreshed_list_is_loaded_by_the_other_instance(
    open_two: OpenTwo, upstream: Upstream
) -> None:
    """Lists that are cached until they are refreshed are refreshed everywhere."""
    two = open_two(ENABLE_BASE_MODELS_CACHE="true", **ALL_MODELS)
    for who in (two.here, two.there):
        assert who.get("/api/models").status == 200
    wait_for_peers(two)
    here, there = two.apps
    before = source_models(there)
    upstream.models = [*upstream.models, {"id": "brand-new", "object": "model"}]
    assert two.ada.get("/api/models?refresh=true").status == 200
    assert source_models(here) == before + 1
    until(lambda: source_models(there) == before + 1)


def test_new_list_of_a_source_reaches_an_idle_instance(
    open_two: OpenTwo, upstream: Upstream
) -> None:
    """An instance without requests does not first answer with an old list."""
    two = open_two(**ALL_MODELS)
    for who in (two.here, two.there):
        assert who.get("/api/models").status == 200
    wait_for_peers(two)
    here, there = two.apps
    before, asked = source_models(there), upstream.lists()
    upstream.models = [*upstream.models, {"id": "brand-new", "object": "model"}]
    until(lambda: bool(two.here.get("/api/models")) and source_models(here) == before + 1)
    until(lambda: source_models(there) == before + 1)
    assert upstream.lists() >= asked + 2


def test_models_in_use_are_listed_by_the_other_instance(open_two: OpenTwo) -> None:
    """Each is told of when it is reported first, also right after another one."""
    two = open_two()
    wait_for_peers(two)
    with two.here.connect_socket() as socket:
        for model in ("good", "steady"):
            assert socket.call("usage", {"model": model}) is None
        until(lambda: two.there.get("/api/usage").json["model_ids"] == ["good", "steady"])
