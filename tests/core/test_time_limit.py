"""Work that does not wait gets no timer; work that waits too long is cancelled."""

import asyncio
from typing import Any

import pytest

from portico.time_limit import within


def run(work: Any) -> Any:
    return asyncio.run(work)


async def add(one: int, two: int) -> int:
    return one + two


async def wait_and_add(one: int, two: int) -> int:
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return one + two


@pytest.mark.parametrize("work", [add, wait_and_add])
def test_result_of_work_is_returned(work: Any) -> None:
    assert run(within(10, work(1, 2))) == 3


@pytest.mark.parametrize("waits", [False, True])
def test_error_of_work_is_raised(waits: bool) -> None:
    async def fail() -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        run(within(10, fail()))


def test_work_that_waits_too_long_is_cancelled_where_it_waits() -> None:
    seen: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        run(within(0.01, hang()))
    assert seen == ["cancelled"]


def test_cancelled_work_may_clean_up_and_return() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "cleaned up"
        raise AssertionError

    async def story() -> str:
        task = asyncio.create_task(within(10, stubborn()))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert run(story()) == "cleaned up"
