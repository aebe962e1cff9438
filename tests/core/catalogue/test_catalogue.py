"""Which models a user sees and may use, whatever the sources do."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest
import structlog.testing
from tests.core.catalogue.factories import Source, World, actor, card, record

from portico.catalogue import catalogue as cataloguing
from portico.catalogue import source_cache as shelving
from portico.errors import NotFound, SourceFailed

ANN, BEN, ROOT = actor("ann"), actor("ben"), actor("root", "admin")


def run(work: Awaitable[Any]) -> Any:
    async def inside() -> Any:
        return await work

    return asyncio.run(inside())


async def refused(world: World, model_id: str, who: Any) -> str:
    with pytest.raises(NotFound) as refusal:
        await world.catalogue.resolve(model_id, who)
    return refusal.value.detail


async def names(world: World, model_id: str, who: Any) -> list[str]:
    return [one.name for one in (await world.catalogue.resolve(model_id, who)).sources]


# -- what there is ----------------------------------------------------------------------------------------------


def test_models_come_in_the_order_of_their_sources() -> None:
    world = World(Source("one", "b", "a"), Source("two", "c"))
    assert run(world.ids()) == ["b", "a", "c"]


def test_model_that_several_sources_offer_is_listed_once_and_has_them_all() -> None:
    async def story() -> None:
        world = World(
            Source("one", card("a", name="A of one")), Source("two", "a", "b"), Source("three", "a")
        )
        assert [entry["name"] for entry in await world.entries()] == ["A of one", "b"]
        assert await names(world, "a", ROOT) == ["one", "two", "three"]
        assert await names(world, "b", ROOT) == ["two"]
        assert [list(one.shared) for one in world.catalogue.statuses()] == [["a"]] * 3

    run(story())


def test_failed_source_stays_one_of_those_that_offer_the_model() -> None:
    async def story() -> None:
        first, second = Source("one", "a", "c"), Source("two", "a")
        world = World(first, second)
        await world.ids()
        first.failure = SourceFailed("It is down.")
        stale = {entry["id"]: entry.get("stale") for entry in await world.entries(refresh=True)}
        assert stale == {"a": None, "c": True}
        assert (await world.catalogue.resolve("a", ROOT)).stale == (first,)
        assert await names(world, "a", ROOT) == ["one", "two"]

    run(story())


def test_source_for_administrators_is_not_asked_for_a_public_model_of_another() -> None:
    async def story() -> None:
        public = Source("public", card("a", public=True), card("shared", public=True))
        private = Source("private", "a", "shared")
        also = Source("also", card("a", public=True))
        world = World(
            public, private, also, records=[record("shared")], readers={"ben": {"shared"}}
        )
        with structlog.testing.capture_logs() as logs:
            assert await names(world, "a", BEN) == ["public", "also"]
            await world.ids(refresh=True)
        assert [(log["source"], log["ids"]) for log in logs] == [("private", ["a"])]
        assert [list(one.shadowed) for one in world.catalogue.statuses()] == [[], ["a"], []]
        # The record shares the model, whichever source answers.
        assert await names(world, "shared", BEN) == ["public", "private"]

    run(story())


def test_public_source_does_not_open_a_model_that_the_first_keeps_for_administrators() -> None:
    async def story() -> None:
        world = World(Source("private", "a"), Source("public", card("a", public=True)))
        assert await refused(world, "a", BEN)
        assert await names(world, "a", ROOT) == ["private", "public"]

    run(story())


def test_external_source_is_not_asked_for_a_local_model() -> None:
    async def story() -> None:
        local = card("a", connection_type="local")
        world = World(Source("local", local), Source("cloud", "a"), Source("lan", local))
        assert await names(world, "a", ROOT) == ["local", "lan"]
        reverse = World(Source("cloud", "a"), Source("local", local))
        assert await names(reverse, "a", ROOT) == ["cloud", "local"]

    run(story())


def test_preset_has_the_sources_of_its_base_model() -> None:
    async def story() -> None:
        preset = record("mine", base="a")
        world = World(Source("one", "a"), Source("two", "a"), records=[preset])
        assert await names(world, "mine", ROOT) == ["one", "two"]

    run(story())


@pytest.mark.case("FT-21")
def test_failed_source_keeps_its_last_list_as_stale() -> None:
    async def story() -> None:
        dead = Source("dead", "d")
        world = World(Source("one", "a"), dead, Source("two", "b"))
        assert await world.ids() == ["a", "d", "b"]
        dead.delay = 60
        begun = time.monotonic()
        assert await world.ids(refresh=True) == ["a", "d", "b"]
        assert time.monotonic() - begun < 30  # not the minute that the other takes
        dead.failure = SourceFailed("It is down.")
        dead.delay = 0
        await world.catalogue.stop()
        entries = {entry["id"]: entry for entry in await world.entries(refresh=True)}
        assert entries["d"]["stale"] is True and "stale" not in entries["a"]
        states = {state.name: state for state in world.catalogue.statuses()}
        assert (states["dead"].state, states["dead"].reason, states["dead"].models) == (
            "stale",
            "It is down.",
            1,
        )
        assert states["one"].state == "ok"
        dead.failure = None
        assert "stale" not in (await world.entries(refresh=True))[1]
        assert {state.state for state in world.catalogue.statuses()} == {"ok"}

    run(story())


@pytest.mark.case("FT-21")
def test_source_without_answer_does_not_delay_others() -> None:
    async def story() -> None:
        black_hole = Source("dead", delay=60)
        world = World(Source("one", "a"), black_hole)
        begun = time.monotonic()
        assert await world.ids() == ["a"]
        assert await world.ids() == ["a"]
        assert time.monotonic() - begun < 30  # not the minute that the other takes
        assert world.catalogue.statuses()[1].state == "unknown"
        await world.catalogue.stop()

    run(story())


def test_first_list_is_awaited_if_there_is_no_other() -> None:
    async def story() -> None:
        world = World(Source("slow", "a", delay=0.3), limit=0.05)
        assert await world.ids() == ["a"]

    run(story())


@pytest.mark.parametrize(
    "failure", [ValueError("secret http://x"), SystemExit(1), RecursionError()]
)
def test_error_of_a_source_does_not_escape(failure: BaseException) -> None:
    async def story() -> None:
        broken = Source("broken")
        broken.failure = failure
        world = World(broken, Source("one", "a"))
        assert await world.ids() == ["a"]
        state = world.catalogue.statuses()[0]
        assert state.state == "failed" and "secret" not in state.reason

    run(story())


@pytest.mark.case("FT-22")
def test_concurrent_requests_load_each_source_once() -> None:
    async def story() -> None:
        one, two = Source("one", "a", delay=0.05), Source("two", "b", delay=0.05)
        world = World(one, two, ttl=0.01)
        await asyncio.gather(*(world.ids() for _ in range(500)))
        assert (one.asked, two.asked) == (1, 1)
        await asyncio.sleep(0.02)
        answers = await asyncio.gather(*(world.ids() for _ in range(500)))
        assert all(answer == ["a", "b"] for answer in answers)
        assert (one.asked, two.asked) == (2, 2)
        await asyncio.gather(*(world.ids(refresh=True) for _ in range(500)))
        assert one.asked <= 3
        await world.catalogue.stop()

    run(story())


def test_expired_list_is_used_while_a_new_one_is_loaded() -> None:
    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=0.01)
        await world.ids()
        source.models = [card("b")]
        await asyncio.sleep(0.02)
        assert await world.ids() == ["a"]
        await asyncio.sleep(0.005)
        assert await world.ids() == ["b"]

    run(story())


def test_too_old_list_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cataloguing, "MAX_STALE_SECONDS", 0.01)

    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=0.01)
        await world.ids()
        source.models = [card("b")]
        await asyncio.sleep(0.02)
        assert await world.ids() == ["b"]

    run(story())


@pytest.mark.parametrize(("ttl", "times"), [(0, 3), (60, 1), (None, 1)])
def test_list_ttl_limits_how_often_sources_are_loaded(ttl: float | None, times: int) -> None:
    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=ttl)
        for _ in range(3):
            await world.ids()
        assert source.asked == times
        await world.ids(refresh=True)
        assert source.asked == times + 1

    run(story())


def test_requested_refresh_sees_what_changed_while_another_one_ran() -> None:
    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=None, limit=10)
        answered, proceed = asyncio.Event(), asyncio.Event()
        load = source.list_models

        async def slow() -> Any:
            found = list(await load())
            if not proceed.is_set():
                answered.set()
                await proceed.wait()
            return found

        await world.ids()
        source.list_models = slow  # type: ignore[method-assign]
        first = asyncio.create_task(world.ids(refresh=True))
        await answered.wait()
        source.models = [card("a"), card("b")]
        others = [asyncio.create_task(world.ids(refresh=True)) for _ in range(3)]
        await asyncio.sleep(0)
        proceed.set()
        assert [await other for other in others] == [["a", "b"]] * 3
        await first
        assert await world.ids() == ["a", "b"]
        assert source.asked == 3, "those that wait share one"

    run(story())


def test_failed_source_is_retried_when_lists_never_expire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelving, "RETRY_SECONDS", 0)

    async def story() -> None:
        good, bad = Source("one", "a"), Source("two", "b")
        bad.failure = OSError("down")
        world = World(good, bad, ttl=None)
        assert await world.ids() == ["a"]
        bad.failure = None
        await world.ids()
        await asyncio.sleep(0.005)
        assert await world.ids() == ["a", "b"]
        assert (good.asked, bad.asked) == (1, 2)

    run(story())


def test_cancelled_request_does_not_cancel_the_refresh() -> None:
    async def story() -> None:
        source = Source("one", "a", delay=0.1)
        world = World(source)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await world.ids()
        assert await world.ids() == ["a"]
        assert source.asked == 1

    run(story())


def test_changed_record_is_visible_at_once() -> None:
    async def story() -> None:
        world = World(Source("one", "a"))
        assert await world.ids() == ["a"]
        world.records.change(record("desk", "a"))
        assert await world.ids() == ["a", "desk"]
        world.records.change(record("a", active=False))
        assert await world.ids() == []

    run(story())


def test_base_entries_are_source_models() -> None:
    async def story() -> None:
        world = World(Source("one", "a"), records=[record("a", active=False), record("desk", "a")])
        assert await world.catalogue.base_entries_json() == (
            b'{"data":[{"id":"a","object":"model","created":0,"owned_by":"openai","name":"a",'
            b'"connection_type":"external"}]}'
        )
        assert await world.catalogue.is_usable("desk", ROOT) is False

    run(story())


# -- who may ----------------------------------------------------------------------------------------------------


def test_users_see_readable_and_public_models() -> None:
    async def story() -> None:
        source = Source(
            "one",
            "closed",
            "open",
            card("public", public=True),
            card("public-no-more", public=True),
        )
        world = World(
            source,
            records=[
                record("open", owner="root"),
                record("public-no-more", owner="root"),
                record("mine", "open"),
            ],
            readers={"ben": {"open"}},
        )
        assert await world.ids(ROOT) == ["closed", "open", "public", "public-no-more", "mine"]
        # What stands on a model that neither she nor its owner may use would be refused, so it is not listed.
        assert await world.ids(ANN) == ["public"]
        assert await world.ids(BEN) == ["open", "public"]

    run(story())


def test_preset_is_usable_while_its_owner_may_use_the_base() -> None:
    async def story() -> None:
        world = World(
            Source("one", "closed", "given"),
            records=[
                record("given", owner="root"),
                *(record(name, "closed", owner="ann") for name in ("a1", "a2")),
                *(record(name, "given", owner="ann") for name in ("g1", "g2")),
                *(record(name, "closed", owner="root") for name in ("r1", "r2")),
            ],
            readers={"ann": {"given"}, "ben": {"a1", "a2", "g1", "g2", "r1", "r2"}},
            admins=["root"],
        )
        assert await world.ids(BEN) == ["g1", "g2", "r1", "r2"]

    run(story())


def test_cached_list_ends_with_a_policy_change() -> None:
    async def story() -> None:
        readers: dict[str, set[str]] = {"ben": set()}
        closed = record("desk", "open", owner="root")
        world = World(
            Source("one", card("open", public=True)),
            records=[closed],
            readers=readers,
            admins=["root"],
            moment=3600,
        )
        assert await world.ids(BEN) == ["open"]
        readers["ben"].add("desk")
        world.access.changes += 1
        assert await world.ids(BEN) == ["open", "desk"]

    run(story())


def test_switches_open_everything_or_close_it_for_administrators() -> None:
    async def story() -> None:
        source = Source("one", "a")
        assert await World(source, bypass_model_access_control=True).ids(BEN) == ["a"]
        assert await World(source, bypass_admin_access_control=False).ids(ROOT) == []

    run(story())


@pytest.mark.case("AB-40")
def test_unknown_hidden_inactive_and_forbidden_models_look_the_same() -> None:
    async def story() -> None:
        world = World(
            Source("one", "closed", "hidden"),
            records=[record("hidden", active=False), record("off", "closed", active=False)],
        )
        words = {
            await refused(world, name, BEN) for name in ("closed", "hidden", "off", "nowhere", "")
        }
        assert words == {"Model not found"}

    run(story())


def test_model_of_a_running_refresh_is_awaited() -> None:
    async def story() -> None:
        late = Source("late", "l", delay=0.3)
        world = World(Source("one", "a"), late, limit=0.2)
        assert await world.ids() == ["a"]
        assert (await world.catalogue.resolve("l", ROOT)).source is late

    run(story())


def test_preset_resolves_to_its_base_with_its_own_parameters() -> None:
    async def story() -> None:
        world = World(
            Source("one", "a"),
            records=[
                record("a", params={"temperature": 1, "seed": 1}),
                record("desk", "a", name="Desk", params={"system": "Be brief.", "top_p": 0.5}),
                record("desk-two", "desk", params={"top_p": 0.7}),
            ],
        )
        target = await world.catalogue.resolve("desk", ROOT)
        assert (target.id, target.name, target.model, target.system) == (
            "desk",
            "Desk",
            "a",
            "Be brief.",
        )
        assert target.params == {"system": "Be brief.", "top_p": 0.5}
        assert (await world.catalogue.resolve("a", ROOT)).params == {"temperature": 1, "seed": 1}
        two = await world.catalogue.resolve("desk-two", ROOT)
        assert (two.model, two.params) == ("a", {"system": "Be brief.", "top_p": 0.7})

    run(story())


@pytest.mark.case("AB-36")
def test_preset_gives_no_access_to_a_base_its_owner_may_not_use() -> None:
    async def story() -> None:
        mine = record("mine", "closed", owner="ann")
        hop = record("hop", "mine", owner="ben")
        given = record("given", "closed", owner="root")
        world = World(
            Source("one", "closed"),
            records=[mine, hop, given],
            readers={"ben": {"mine", "given"}},
            admins=["root"],
        )
        for model_id, who in (("mine", ANN), ("mine", BEN), ("hop", BEN)):
            assert await refused(world, model_id, who) == "Model not found"
        # What an administrator made opens the base for those it is shared with; an administrator needs no help.
        assert (await world.catalogue.resolve("given", BEN)).model == "closed"
        assert (await world.catalogue.resolve("mine", ROOT)).model == "closed"
        world.people.admins = set()
        assert await refused(world, "given", BEN) == "Model not found"

    run(story())


@pytest.mark.case("AB-36")
def test_preset_without_owner_gives_no_access() -> None:
    async def story() -> None:
        world = World(
            Source("one", "closed"),
            records=[record("p", "closed", owner="gone")],
            readers={"ben": {"p"}},
        )
        await refused(world, "p", BEN)

    run(story())


def test_only_changed_records_are_loaded_and_encoded() -> None:
    async def story() -> None:
        kept, changed, gone = (
            record("kept", "base"),
            record("changed", "base"),
            record("gone", "base"),
        )
        world = World(Source("one", "base"), records=[kept, changed, gone])
        assert await world.ids() == ["base", "changed", "gone", "kept"]
        before = {e.id: e.json for e in world.catalogue._snapshot.entries}

        world.records.change(kept, record("changed", "base", name="New"), record("added", "base"))

        assert await world.ids() == ["base", "added", "changed", "kept"]
        assert world.records.asked_since == [1]
        after = {e.id: e.json for e in world.catalogue._snapshot.entries}
        assert after["kept"] is before["kept"]
        assert b"New" in after["changed"]

    run(story())


def test_expired_changes_reload_all_records() -> None:
    async def story() -> None:
        world = World(Source("one", "base"), records=[record("gone", "base")])
        assert await world.ids() == ["base", "gone"]

        world.records.forgetful = True
        world.records.change(record("added", "base"))

        assert await world.ids() == ["base", "added"]

    run(story())


def test_record_for_several_models_applies_to_each() -> None:
    async def story() -> None:
        tags = [card(f"llama3:{tag}", owned_by="ollama") for tag in ("8b", "70b")]
        world = World(
            Source("one", *tags),
            records=[record("llama3", owner="root")],
            readers={"ann": {"llama3"}},
        )

        assert await world.ids(ANN) == ["llama3:8b", "llama3:70b"]

    run(story())


# -- in the background -------------------------------------------------------------------------------------------


async def in_background(world: World) -> None:
    await world.catalogue._refresher.attempt()
    await asyncio.gather(*world.catalogue._pending_requests())


def test_expired_lists_that_were_used_are_refreshed_without_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=1e-9)
        await in_background(world)
        assert source.asked == 0  # no request has needed it
        await world.ids()
        asked = source.asked
        await in_background(world)
        await in_background(world)
        assert source.asked == asked + 2
        monkeypatch.setattr(cataloguing, "BACKGROUND_USE_SECONDS", 0.0)
        await in_background(world)
        assert source.asked == asked + 2

    run(story())


def test_lists_are_refreshed_in_the_background_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cataloguing, "BACKGROUND_SECONDS", 0.01)

    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=1e-9)
        await world.ids()
        world.catalogue.start()
        async with asyncio.timeout(20):
            while source.asked < 4:
                await asyncio.sleep(0.01)
        await world.catalogue.stop()

    run(story())


@pytest.mark.parametrize("ttl", [0, 60])
def test_lists_that_are_not_cached_or_not_expired_are_not_refreshed_in_the_background(
    ttl: float,
) -> None:
    async def story() -> None:
        source = Source("one", "a")
        world = World(source, ttl=ttl)
        await world.ids()
        await in_background(world)
        assert source.asked == 1

    run(story())
