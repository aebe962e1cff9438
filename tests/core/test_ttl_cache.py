"""The TTL cache: expiry, limits, and values that are never cached."""

import asyncio

import pytest

from portico.cache import TTLCache
from portico.testing import Client, InProcessApp


class Loader:
    """Returns these answers and counts its calls."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self, key: str) -> str | None:
        self.calls += 1
        return self.answers.pop(0)


class SlowLoader(Loader):
    """Returns them once the test lets it proceed."""

    def __init__(self, *answers: str | None) -> None:
        super().__init__(*answers)
        self.started, self.proceed = asyncio.Event(), asyncio.Event()

    async def __call__(self, key: str) -> str | None:
        self.started.set()
        await self.proceed.wait()
        return await super().__call__(key)


def test_value_is_cached_until_it_expires() -> None:
    async def work() -> None:
        cache, load = TTLCache[str, str](60), Loader("one", "two")
        assert [await cache.get_or_load("k", load) for _ in range(3)] == ["one"] * 3
        assert load.calls == 1

    asyncio.run(work())


def test_none_is_never_cached() -> None:
    async def work() -> None:
        cache, load = TTLCache[str, str](60), Loader(None, "there now")
        assert [await cache.get_or_load("k", load), await cache.get_or_load("k", load)] == [
            None,
            "there now",
        ]

    asyncio.run(work())


def test_ttl_of_zero_disables_the_cache() -> None:
    async def work() -> None:
        cache, load = TTLCache[str, str](0), Loader("one", "two")
        assert [await cache.get_or_load("k", load), await cache.get_or_load("k", load)] == [
            "one",
            "two",
        ]

    asyncio.run(work())


def test_value_loaded_before_a_clear_is_not_cached() -> None:
    async def work() -> None:
        cache, slow = TTLCache[str, str](60), SlowLoader("old")
        loading = asyncio.create_task(cache.get_or_load("k", slow))
        await slow.started.wait()
        cache.clear()
        slow.proceed.set()
        assert await loading == "old"
        assert await cache.get_or_load("k", Loader("new")) == "new"

    asyncio.run(work())


def test_slower_load_does_not_replace_the_value_of_a_later_one() -> None:
    async def work() -> None:
        cache, slow = TTLCache[str, str](60), SlowLoader("old")
        loading = asyncio.create_task(cache.get_or_load("k", slow))
        await slow.started.wait()
        assert await cache.get_or_load("k", Loader("new")) == "new"
        slow.proceed.set()
        assert await loading == "old"
        assert await cache.get_or_load("k", Loader("other")) == "new"

    asyncio.run(work())


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "1"}


def test_changes_of_this_process_apply_to_the_next_request(app: InProcessApp) -> None:
    admin = app.client.sign_up("Ada")
    ben = admin.add_user("Ben")
    assert ben.get("/api/models").status == 200
    accounts = app.portico.identity.accounts

    group = admin.post(
        "/api/v1/groups/create",
        {"name": "g", "description": "", "permissions": {"workspace": {"models": True}}},
    )
    assert not ben.get("/api/v1/auths/").json["permissions"]["workspace"]["models"]
    admin.post(f"/api/v1/groups/id/{group.json['id']}/users/add", {"user_ids": [ben.account["id"]]})
    assert ben.get("/api/v1/auths/").json["permissions"]["workspace"]["models"]

    again = Client(ben.transport, app.client.sign_in("Ben").token)
    assert again.get("/api/models").status == 200
    app.run(accounts.set_role, ben.account["id"], "pending")
    assert {again.get("/api/models").status, ben.get("/api/models").status} <= {401, 403}


def test_expired_and_oldest_entries_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("portico.cache.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("portico.cache.MAX_ENTRIES", 3)

    async def fill(cache: TTLCache[str, str], *keys: str) -> None:
        for key in keys:
            await cache.get_or_load(key, Loader("answer"))

    cache = TTLCache[str, str](10)
    asyncio.run(fill(cache, "a", "b", "c", "d"))
    assert len(cache) == 3
    clock[0] = 11
    asyncio.run(fill(cache, "e"))
    assert len(cache) == 1


def test_values_of_long_keys_are_not_cached() -> None:
    async def work() -> None:
        cache = TTLCache[tuple[str, str], str](60)

        async def load(_: tuple[str, str]) -> str:
            return "answer"

        for n in range(10):
            assert await cache.get_or_load(("ann", "x" * 10_000 + str(n)), load) == "answer"
        assert len(cache) == 0

    asyncio.run(work())
