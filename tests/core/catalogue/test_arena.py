"""Models that stand for others, and the order of the list."""

import msgspec
import pytest
from tests.core.catalogue.factories import Source, World, actor, card, record

from portico.errors import NotFound
from portico.settings.catalogue import ArenaModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def shop() -> Source:
    return Source("shop", card("open", public=True), card("free", public=True), card("closed"))


def arena(model_id: str = "any", **meta: object) -> ArenaModel:
    return ArenaModel(model_id, model_id.title(), dict(meta))


async def drawn(world: World, model_id: str = "any", times: int = 40) -> set[str]:
    ann = actor("ann")
    return {(await world.catalogue.resolve(model_id, ann)).model for _ in range(times)}


async def test_default_arena_model_is_visible_to_administrators() -> None:
    world = World(shop(), arenas=[])

    entries = await world.entries()

    assert [entry["id"] for entry in entries] == ["open", "free", "closed", "arena-model"]
    assert entries[-1]["owned_by"] == "arena"
    assert entries[-1]["arena"] is True
    assert await world.ids(actor("ann")) == ["open", "free"]
    with pytest.raises(NotFound):
        await world.catalogue.resolve("arena-model", actor("ann"))


async def test_no_arena_model_without_source_models() -> None:
    world = World(Source("empty"), arenas=[])

    assert await world.ids() == []


@pytest.mark.case("AB-36")
async def test_arena_picks_only_usable_models() -> None:
    world = World(shop(), arenas=[arena(access_control=None)])

    assert await world.ids(actor("ann")) == ["open", "free", "any"]
    assert await drawn(world) == {"open", "free"}


async def test_model_that_an_administrator_chose_for_everyone_needs_no_access() -> None:
    world = World(shop(), arenas=[arena(model_ids=["closed"])])

    async def chosen(model_id: str) -> str | None:
        found = await world.catalogue.find_for_operator(model_id)
        return found and found.model

    assert await chosen("closed") == "closed"
    assert await chosen("any") == "closed"
    assert await chosen("absent") is None


async def test_access_grants_of_arena_model_apply_and_invalid_ones_make_it_private() -> None:
    everyone = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    anns = [{"principal_type": "user", "principal_id": "ann", "permission": "read"}]
    world = World(
        shop(),
        arenas=[
            arena("public", access_grants=everyone),
            arena("anns", access_grants=anns),
            arena("closed", access_grants=[]),
            arena("odd", access_grants=[everyone[0] | {"permission": "write"}]),
            arena("both", access_control=None, access_grants=[]),
        ],
    )

    assert await world.ids(actor("ann")) == ["open", "free", "public", "anns"]
    assert await world.ids(actor("bob")) == ["open", "free", "public"]


async def test_arena_includes_or_excludes_named_models() -> None:
    named = arena("named", model_ids=["free", "closed"], access_control=None)
    others = arena("others", model_ids=["free"], filter_mode="exclude", access_control=None)
    hidden = arena("hidden", model_ids=["closed"], access_control=None)
    odd = arena("odd", model_ids=[["free"], {}, None, 1], access_control=None)
    world = World(shop(), arenas=[named, others, hidden, odd])

    assert await drawn(world, "named") == {"free"}
    assert await drawn(world, "others") == {"open"}
    for model_id in ("hidden", "odd"):
        with pytest.raises(NotFound):
            await world.catalogue.resolve(model_id, actor("ann"))


async def test_access_control_of_arena_model_allows_users_and_groups() -> None:
    world = World(
        shop(),
        arenas=[arena(access_control={"read": {"user_ids": ["bob"], "group_ids": ["crew"]}})],
    )
    world.people.groups["cleo"] = ["crew"]

    assert "any" not in await world.ids(actor("ann"))
    assert "any" in await world.ids(actor("bob"))
    assert "any" in await world.ids(actor("cleo"))


async def test_invalid_access_control_makes_arena_model_private() -> None:
    world = World(shop(), arenas=[arena(access_control={"read": "all"})])

    assert "any" not in await world.ids(actor("ann"))


async def test_arena_model_is_no_base_model_and_its_id_is_reserved() -> None:
    preset = record("mine", base_model_id="any", owner_id="ann")
    world = World(shop(), arenas=[arena(access_control=None)], records=[preset])

    assert "mine" not in await world.ids()
    assert not await world.catalogue.is_usable("any", actor("ann"))
    assert "any" in await world.catalogue.reserved_ids()


async def test_listed_ids_come_first_and_the_others_by_name() -> None:
    source = Source("shop", card("a", name="Zeta"), card("b", name="alpha"), card("c", name="Beta"))
    world = World(source, order=["b", "gone"])

    assert await world.ids() == ["b", "c", "a"]


async def test_settings_changed_while_the_server_runs_apply_to_the_next_request() -> None:
    world = World(shop(), arenas=[arena(access_control=None)])
    assert await world.ids(actor("ann")) == ["open", "free", "any"]

    other = arena("other", access_control=None)
    world.settings.now = msgspec.structs.replace(
        world.settings.now, arena_models=[other], model_order=["other"]
    )

    assert await world.ids(actor("ann")) == ["other", "free", "open"]
    with pytest.raises(NotFound):
        await world.catalogue.resolve("any", actor("ann"))
    world.settings.now = msgspec.structs.replace(world.settings.now, arena=False)
    with pytest.raises(NotFound):
        await world.catalogue.resolve("other", actor("ann"))
