"""Sources that are added, replaced and removed while requests are served."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
import structlog.testing
from tests.core.catalogue.factories import Source, World, actor

from portico.catalogue import ModelSource, source_list
from portico.errors import NotFound

ROOT = actor("root", "admin")


def run(work: Awaitable[Any]) -> Any:
    async def inside() -> Any:
        return await work

    return asyncio.run(inside())


class Connections:
    """A provider whose sources a test changes."""

    def __init__(self, *sources: Source) -> None:
        self.sources: Sequence[ModelSource] = sources
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def current_sources(self) -> Sequence[ModelSource]:
        if self.fault is not None:
            raise self.fault
        if self.gate is not None:
            await self.gate.wait()
        return self.sources


def world(*plugins: tuple[str, Source | Connections]) -> World:
    made = World()
    for plugin, source in plugins:
        made.catalogue.add_source(plugin, source)
    return made


def test_replaced_sources_are_in_force_at_once_in_the_place_of_the_plugin() -> None:
    async def story() -> None:
        first, second, last = Source("one", "a"), Source("two", "b"), Source("other", "z")
        some = world(("x", first), ("x", second), ("y", last))
        assert await some.ids() == ["a", "b", "z"]
        some.catalogue.replace_sources("x", [second, Source("three", "c")])
        assert await some.ids() == ["b", "c", "z"]
        assert second.asked == 1, "a source that stays keeps its list"
        with pytest.raises(NotFound):
            await some.catalogue.resolve("a", ROOT)
        some.catalogue.replace_sources("x", [])
        assert await some.ids() == ["z"]

    run(story())


def test_running_request_of_a_removed_source_is_cancelled_and_its_list_is_ignored() -> None:
    async def story() -> None:
        slow = Source("slow", "s")
        slow.delay = 60
        some = world(("x", slow), ("y", Source("other", "z")))
        assert await some.ids() == ["z"]
        [pending] = [one.pending for one in some.catalogue._sources if one.pending]
        some.catalogue.replace_sources("x", [])
        await asyncio.wait([pending])
        assert pending.cancelled()
        assert [one.name for one in some.catalogue.statuses()] == ["other"]

    run(story())


def test_provider_is_asked_before_each_use() -> None:
    async def story() -> None:
        connections = Connections(Source("one", "a"))
        some = world(("x", connections), ("y", Source("other", "z")))
        assert await some.ids() == ["a", "z"]
        connections.sources = (*connections.sources, Source("two", "b"))
        assert (await some.catalogue.resolve("b", ROOT)).source.name == "two"
        assert await some.ids() == ["a", "b", "z"]
        some.catalogue.remove_sources("x")
        assert await some.ids() == ["z"], "a plugin that has failed is not asked any more"

    run(story())


def test_failing_provider_keeps_its_sources() -> None:
    async def story() -> None:
        connections = Connections(Source("one", "a"))
        some = world(("x", connections))
        assert await some.ids() == ["a"]
        connections.fault = RuntimeError("key sk-1")
        with structlog.testing.capture_logs() as logs:
            assert await some.ids() == ["a"]
            assert await some.ids() == ["a"]
        assert "sk-1" not in str(logs)
        assert [log["plugin"] for log in logs] == ["x"], "once, not for each request"

    run(story())


def test_provider_that_hangs_keeps_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_list, "PROVIDER_TIMEOUT_SECONDS", 0.05)

    async def story() -> None:
        connections = Connections(Source("one", "a"))
        some = world(("x", connections), ("y", Source("other", "z")))
        assert await some.ids() == ["a", "z"]
        connections.gate = asyncio.Event()
        assert await some.ids() == ["a", "z"]

    run(story())


def test_source_with_a_taken_name_is_left_out() -> None:
    async def story() -> None:
        some = world(("x", Source("one", "a")), ("y", Source("other", "z")))
        with structlog.testing.capture_logs() as logs:
            some.catalogue.replace_sources("y", [Source("one", "b"), Source("two", "c")])
        assert await some.ids() == ["a", "c"]
        assert logs[0]["source"] == "one"

    run(story())


def test_source_of_an_earlier_plugin_keeps_its_name_whichever_came_first() -> None:
    async def story() -> None:
        connections = Connections()
        some = world(("builtin", connections), ("other", Source("same", "theirs")))
        assert await some.ids() == ["theirs"]
        connections.sources = [Source("same", "ours")]
        with structlog.testing.capture_logs() as logs:
            assert await some.ids() == ["ours"]
        assert [(one["plugin"], one["belongs_to"]) for one in logs] == [("other", "builtin")]
        connections.sources = []
        assert await some.ids() == ["theirs"]

    run(story())
