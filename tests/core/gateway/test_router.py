"""Which source answers a call, with sources that are plain objects."""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
import structlog.testing
from tests.core.catalogue.factories import actor

from portico.catalogue import ModelCard, ResolvedModel, SourceRequest, SourceResponse, close_body
from portico.errors import DomainError, InvalidRequest, RateLimited, SourceFailed, SourceTimedOut
from portico.gateway import GatewayCall, Router
from portico.plugin_errors.plugin_exit import PluginExit
from portico.settings.gateway import GatewaySettings

pytestmark = pytest.mark.anyio

Answer = SourceResponse | BaseException | Callable[[], Awaitable[SourceResponse]]
OK = SourceResponse(body=b"{}")
DOWN = SourceFailed("It is down.")
ODD = SourceFailed("It answered with an error.", may_concern_request=True)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that Portico uses."""
    return "asyncio"


class Source:
    """A source that answers or raises what it is told. `asked`: how often."""

    def __init__(self, name: str, answer: Answer = OK, **declared: Any) -> None:
        self.name, self.answer, self.asked = name, answer, 0
        for attribute, value in declared.items():
            setattr(self, attribute, value)

    async def list_models(self) -> Sequence[ModelCard]:
        return ()

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        self.asked += 1
        answer = self.answer
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, SourceResponse) else await answer()


class World:
    """A router with these sources."""

    def __init__(self, *sources: Source, **settings: Any) -> None:
        self.sources = list(sources)
        self.router = Router(GatewaySettings(**settings), lambda: self.sources, random.Random(1))

    def call(self, *sources: Source, model: str = "m", operation: Any = "chat") -> GatewayCall:
        target = ResolvedModel(id=model, name=model, sources=sources or self.sources, model=model)
        request = SourceRequest(
            model=model, body={}, params={}, stream=False, actor=actor(), operation=operation
        )
        return GatewayCall(id="c", target=target, request=request)

    async def send(self, *sources: Source, **asked: Any) -> str:
        """Return the name of the source that answered."""
        call = self.call(*sources, **asked)
        await self.router.send(call)
        return call.source

    async def fail(self, *sources: Source, **asked: Any) -> DomainError:
        with pytest.raises(DomainError) as failure:
            await self.send(*sources, **asked)
        return failure.value

    def in_flight(self) -> list[int]:
        return [self.router.activity(one).in_flight for one in self.sources]


def asked(world: World) -> list[int]:
    return [one.asked for one in world.sources]


class Held:
    """An answer that waits until it is released."""

    def __init__(self) -> None:
        self.released, self.waiting = asyncio.Event(), 0

    async def __call__(self) -> SourceResponse:
        self.waiting += 1
        await self.released.wait()
        return OK


async def streamed(*blocks: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    if error is not None:
        raise error


# -- which one is asked -----------------------------------------------------------------------------------------


async def test_least_busy_source_is_asked() -> None:
    held = Held()
    one, two, three = (Source(name, held) for name in ("one", "two", "three"))
    world = World(one, two, three)
    tasks = [asyncio.create_task(world.send()) for _ in range(9)]
    while held.waiting < 9:
        await asyncio.sleep(0)
    assert world.in_flight() == [3, 3, 3]
    held.released.set()
    await asyncio.gather(*tasks)
    assert world.in_flight() == [0, 0, 0]


async def test_source_with_twice_the_weight_gets_twice_as_many_calls_under_load() -> None:
    held = Held()
    world = World(Source("one", held, weight=1), Source("two", held, weight=2.0))
    tasks = [asyncio.create_task(world.send()) for _ in range(12)]
    while held.waiting < 12:
        await asyncio.sleep(0)
    assert world.in_flight() == [4, 8]
    held.released.set()
    await asyncio.gather(*tasks)


async def test_idle_sources_share_calls_by_weight() -> None:
    world = World(Source("one"), Source("two", weight=3))
    shares = Counter([await world.send() for _ in range(1000)])
    assert 680 < shares["two"] < 820


async def test_source_with_a_higher_order_is_asked_only_if_the_others_fail() -> None:
    first, second = Source("first"), Source("second", order=1)
    world = World(second, first, breaker_failures=2)
    assert {await world.send() for _ in range(50)} == {"first"}
    first.answer = DOWN
    assert [await world.send() for _ in range(5)] == ["second"] * 5
    assert first.asked == 52  # then its breaker is open


async def test_source_that_did_not_list_its_models_is_asked_after_the_others_of_its_order() -> None:
    stale, works, spare = Source("stale"), Source("works"), Source("spare", order=1)
    world = World(stale, works, spare)

    async def send() -> str:
        call = world.call()
        call.target = msgspec.structs.replace(call.target, stale=[stale])
        await world.router.send(call)
        return call.source

    assert {await send() for _ in range(20)} == {"works"}
    works.answer = DOWN
    assert await send() == "stale"


@pytest.mark.parametrize(
    "declared",
    [{"weight": 0}, {"weight": -1}, {"weight": "heavy"}, {"weight": float("nan")}, {"order": "x"}],
)
async def test_unusable_weight_or_order_is_replaced_by_the_default(declared: Any) -> None:
    world = World(Source("one", **declared))
    assert await world.send() == "one"
    shown = world.router.activity(world.sources[0])
    assert (shown.weight, shown.order) == (1.0, 0)


async def test_only_sources_with_the_operation_are_asked() -> None:
    able = Source("able", operations={"chat", "embeddings"})
    world = World(Source("chats"), able)
    assert {await world.send(operation="embeddings") for _ in range(20)} == {"able"}
    refusal = await world.fail(operation="messages")
    assert isinstance(refusal, InvalidRequest) and "messages" in refusal.detail


# -- failover ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        ODD,
        SourceTimedOut(),
        RateLimited(5),
        KeyError("secret"),
        SourceResponse(body=b"{}", status=500),
        SourceResponse(body=b"{}", status=503),
        SourceResponse(body=b"{}", status=401),
        SourceResponse(body=b"{}", status=429, headers={"Retry-After": "9"}),
    ],
)
async def test_failure_before_the_first_byte_leads_to_the_next_source(failure: Any) -> None:
    world = World(Source("one", failure), Source("two", order=1))
    with structlog.testing.capture_logs() as logs:
        assert await world.send() == "two"
    (line,) = (log for log in logs if "another one is asked" in log["event"])
    assert (line["failed"], line["asked"], line["model"]) == ("one", "two", "m")
    assert line["reason"] and "secret" not in line["reason"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_answer_about_the_request_is_final(status: int) -> None:
    world = World(Source("one", SourceResponse(body=b"{}", status=status)), Source("two", order=1))
    call = world.call()
    assert (await world.router.send(call)).status == status
    assert asked(world) == [1, 0] and call.source == "one"


async def test_refusal_of_the_request_is_final() -> None:
    world = World(Source("one", InvalidRequest("No.")), Source("two", order=1))
    assert (await world.fail()).detail == "No."
    assert asked(world) == [1, 0]


async def test_attempts_are_bounded() -> None:
    world = World(*(Source(str(n), DOWN, order=n) for n in range(5)), max_attempts=3)
    assert await world.fail() is DOWN
    assert asked(world) == [1, 1, 1, 0, 0]


async def test_call_that_took_too_long_is_not_sent_to_another_source() -> None:
    world = World(Source("one", DOWN), Source("two", order=1), failover_timeout=60)
    call = world.call()
    call.started -= 61
    with pytest.raises(SourceFailed):
        await world.router.send(call)
    assert asked(world) == [1, 0]


async def test_shortest_limit_is_told_if_all_sources_are_over_theirs() -> None:
    world = World(Source("one", RateLimited(9, "Nine.")), Source("two", RateLimited(4, "Four.")))
    for _ in range(3):
        refusal = await world.fail()
        assert isinstance(refusal, RateLimited)
        assert (refusal.detail, refusal.retry_after) == ("Four.", 4)
    assert asked(world) == [1, 1]


async def test_failure_is_told_rather_than_a_limit() -> None:
    world = World(Source("one", DOWN), Source("two", RateLimited(4), order=1))
    assert await world.fail() is DOWN


async def test_source_over_a_limit_without_a_time_is_asked_last_and_still_asked() -> None:
    limited = Source("one", RateLimited(5, is_estimate=True))
    world = World(limited, Source("two", order=1))
    assert [await world.send() for _ in range(5)] == ["two"] * 5
    assert limited.asked == 1
    alone = World(limited)
    for _ in range(3):
        assert isinstance(await alone.fail(), RateLimited)
    assert limited.asked == 4


# -- the breaker ------------------------------------------------------------------------------------------------


async def test_single_source_that_is_down_is_answered_for_without_asking_it() -> None:
    world = World(Source("one", DOWN), breaker_failures=3)
    for _ in range(3):
        assert await world.fail() is DOWN
    refusal = await world.fail()
    assert isinstance(refusal, SourceFailed) and refusal.detail == DOWN.detail
    assert refusal.retry_after is not None and 0 < refusal.retry_after <= 10
    assert asked(world) == [3]


@pytest.mark.parametrize(
    "failure", [ODD, *(SourceResponse(body=b"{}", status=n) for n in (401, 403, 500, 502, 503))]
)
async def test_single_source_stays_in_use_when_requests_make_it_fail(failure: Answer) -> None:
    source = Source("one", failure)
    world = World(source, breaker_failures=3)
    for _ in range(20):
        assert isinstance(await world.fail(), SourceFailed)
    source.answer = SourceResponse(body=b"{}", status=400)
    for _ in range(20):
        await world.send()
    source.answer = OK
    assert await world.send() == "one"
    assert source.asked == 41


async def test_request_that_makes_every_source_fail_closes_none_of_them_off() -> None:
    one, two = Source("one", ODD), Source("two", ODD)
    world = World(one, two, breaker_failures=3)
    for _ in range(20):
        await world.fail()
    one.answer = two.answer = OK
    assert {await world.send() for _ in range(20)} == {"one", "two"}


async def test_source_that_fails_what_another_answers_is_not_asked_for_a_while() -> None:
    odd = Source("odd", ODD)
    world = World(odd, Source("two", order=1), breaker_failures=3)
    for _ in range(10):
        assert await world.send() == "two"
    assert odd.asked == 3


async def test_sources_answer_again_after_the_time_of_the_breaker() -> None:
    source = Source("one", DOWN)
    world = World(source, breaker_failures=1, breaker_seconds=0.01)
    await world.fail()
    source.answer = OK
    while (shown := world.router.activity(source)).breaker == "open":
        assert shown.retry_seconds is not None and shown.last_error == DOWN.detail
        await asyncio.sleep(0.001)
    assert await world.send() == "one"
    assert world.router.activity(source).breaker == "closed"


async def test_half_open_source_gets_one_request_and_the_others_are_answered_at_once() -> None:
    source = Source("one", DOWN)
    world = World(source, breaker_failures=1)
    await world.fail()
    world.router.allow_probe(source)
    source.answer = held = Held()
    probe = asyncio.create_task(world.send())
    while not held.waiting:
        await asyncio.sleep(0)
    assert (await world.fail()).detail == DOWN.detail
    held.released.set()
    assert await probe == "one"
    assert await world.send() == "one"


async def test_probe_that_may_fail_because_of_the_request_lets_the_next_one_find_out() -> None:
    source = Source("one", DOWN)
    world = World(source, breaker_failures=1)
    await world.fail()
    world.router.allow_probe(source)
    source.answer = ODD
    assert [await world.fail() for _ in range(3)] == [ODD] * 3
    source.answer = OK
    assert await world.send() == "one"


async def test_half_open_source_that_fails_what_another_answers_is_not_asked_again() -> None:
    source = Source("one", DOWN)
    world = World(source, Source("two", order=1), breaker_failures=1)
    await world.send()
    world.router.allow_probe(source)
    source.answer = ODD
    assert [await world.send() for _ in range(3)] == ["two"] * 3
    assert source.asked == 2


async def test_failure_of_a_request_that_another_source_refuses_is_not_counted() -> None:
    odd = Source("one", ODD)
    world = World(
        odd, Source("two", SourceResponse(body=b"{}", status=400), order=1), breaker_failures=1
    )
    for _ in range(3):
        await world.send()
    assert odd.asked == 3


async def test_edited_connection_is_asked_at_once() -> None:
    world = World(Source("one", DOWN), breaker_failures=1)
    await world.fail()
    world.sources = [Source("one")]
    assert await world.send() == "one"


async def test_source_that_is_not_in_the_catalogue_is_not_remembered() -> None:
    world = World(breaker_failures=1)
    own = Source("direct", DOWN)
    for _ in range(3):
        assert await world.fail(own) is DOWN
    assert own.asked == 3


# -- calls in flight --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [DOWN, RateLimited(1, is_estimate=True), KeyError(), InvalidRequest("No."), SystemExit()],
)
async def test_failed_call_is_not_in_flight(failure: BaseException) -> None:
    world = World(Source("one", failure))
    with pytest.raises(PluginExit if isinstance(failure, SystemExit) else type(failure)):
        await world.send()
    assert world.in_flight() == [0]


async def test_cancelled_call_is_not_in_flight_and_no_failure() -> None:
    held = Held()
    world = World(Source("one", held), breaker_failures=1)
    for _ in range(3):
        held.waiting = 0
        task = asyncio.create_task(world.send())
        while not held.waiting:
            await asyncio.sleep(0)
        assert world.in_flight() == [1]
        task.cancel()
        await asyncio.wait([task])
    shown = world.router.activity(world.sources[0])
    assert (shown.in_flight, shown.breaker, shown.calls) == (0, "closed", {"cancelled": 3})


async def test_cancelled_probe_lets_the_next_request_find_out() -> None:
    source = Source("one", DOWN)
    world = World(source, breaker_failures=1)
    await world.fail()
    world.router.allow_probe(source)
    source.answer = held = Held()
    probe = asyncio.create_task(world.send())
    while not held.waiting:
        await asyncio.sleep(0)
    probe.cancel()
    await asyncio.wait([probe])
    source.answer = OK
    assert await world.send() == "one"


async def test_streamed_answer_is_in_flight_until_its_end() -> None:
    world = World(Source("one", SourceResponse(body=streamed(b"a", b"b"))))
    response = await world.router.send(world.call())
    assert not isinstance(response.body, bytes)
    assert [block async for block in response.body if world.in_flight() == [1]] == [b"a", b"b"]
    assert world.in_flight() == [0]
    await close_body(response.body)
    assert world.in_flight() == [0]


async def test_streamed_answer_that_is_closed_or_dropped_is_not_in_flight() -> None:
    source = Source("one")
    world = World(source)
    source.answer = SourceResponse(body=streamed(b"a"))
    response = await world.router.send(world.call())
    await close_body(response.body)
    assert world.in_flight() == [0]
    source.answer = SourceResponse(body=streamed(b"a"))
    response = await world.router.send(world.call())
    source.answer = OK
    del response
    gc.collect()
    assert world.in_flight() == [0]


async def test_streamed_error_is_closed_before_another_source_is_asked() -> None:
    closed = []

    class Body:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError

        async def aclose(self) -> None:
            closed.append(True)

    failure = SourceResponse(body=Body(), status=500)  # type: ignore[arg-type]
    world = World(Source("one", failure), Source("two", order=1))
    assert await world.send() == "two"
    assert closed == [True] and world.in_flight() == [0, 0]


async def test_streamed_answer_that_breaks_off_is_not_sent_to_another_source() -> None:
    body = streamed(b"a", error=SourceFailed("It broke off."))
    world = World(Source("one", SourceResponse(body=body)), Source("two", order=1))
    response = await world.router.send(world.call())
    assert not isinstance(response.body, bytes)
    with pytest.raises(SourceFailed, match="broke off"):
        async for _ in response.body:
            pass
    assert asked(world) == [1, 0] and world.in_flight() == [0, 0]
    assert world.router.activity(world.sources[0]).calls == {"broken_off": 1}
