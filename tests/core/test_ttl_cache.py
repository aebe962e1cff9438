"""What is remembered for a moment, and what is never."""

import asyncio

import pytest

from portico.cache import TTLCache
from portico.testing import Client, InProcessApp


class Asked:
    """Answers, and counts how often it was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.times = 0

    async def __call__(self, key: str) -> str | None:
        self.times += 1
        return self.answers.pop(0)


def test_an_answer_is_good_for_its_moment() -> None:
    async def work() -> None:
        brief, ask = TTLCache[str, str](60), Asked("one", "two")
        assert [await brief.get_or_load("k", ask) for _ in range(3)] == ["one"] * 3
        assert ask.times == 1

    asyncio.run(work())


def test_that_there_is_none_is_never_remembered() -> None:
    async def work() -> None:
        brief, ask = TTLCache[str, str](60), Asked(None, "there now")
        assert [await brief.get_or_load("k", ask), await brief.get_or_load("k", ask)] == [
            None,
            "there now",
        ]

    asyncio.run(work())


def test_without_a_moment_every_time_is_asked() -> None:
    async def work() -> None:
        brief, ask = TTLCache[str, str](0), Asked("one", "two")
        assert [await brief.get_or_load("k", ask), await brief.get_or_load("k", ask)] == [
            "one",
            "two",
        ]

    asyncio.run(work())


def test_an_answer_from_before_a_change_that_comes_after_it_is_not_kept() -> None:
    async def work() -> None:
        brief, begun, go = TTLCache[str, str](60), asyncio.Event(), asyncio.Event()

        async def slow(_: str) -> str:
            begun.set()
            await go.wait()
            return "old"

        asking = asyncio.create_task(brief.get_or_load("k", slow))
        await begun.wait()
        brief.clear()
        go.set()
        assert await asking == "old"
        assert await brief.get_or_load("k", Asked("new")) == "new"

    asyncio.run(work())


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "1"}


def test_what_this_process_changes_is_in_force_with_the_next_request(app: InProcessApp) -> None:
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
    app.call(accounts.set_role, ben.account["id"], "pending")
    assert {again.get("/api/models").status, ben.get("/api/models").status} <= {401, 403}


def test_what_is_stale_is_dropped_and_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("portico.cache.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("portico.cache.MAX_ENTRIES", 3)

    async def fill(brief: TTLCache[str, str], *keys: str) -> None:
        for key in keys:
            await brief.get_or_load(key, Asked("answer"))

    brief = TTLCache[str, str](10)
    asyncio.run(fill(brief, "a", "b", "c", "d"))
    assert len(brief) == 3
    clock[0] = 11
    asyncio.run(fill(brief, "e"))
    assert len(brief) == 1


def test_a_key_that_a_client_made_long_is_not_remembered() -> None:
    async def work() -> None:
        brief = TTLCache[tuple[str, str], str](60)

        async def ask(_: tuple[str, str]) -> str:
            return "answer"

        for n in range(10):
            assert await brief.get_or_load(("ann", "x" * 10_000 + str(n)), ask) == "answer"
        assert len(brief) == 0

    asyncio.run(work())
