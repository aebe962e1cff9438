"""Work that is repeated in the background."""

import asyncio
from collections.abc import Callable

import pytest

from portico.periodic_task import PeriodicTask

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_work_is_repeated_until_the_task_is_stopped() -> None:
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)

    task = PeriodicTask("test", 0.001, work)
    assert await task.stop() is False
    task.start()
    await until(lambda: len(runs) > 2)
    assert await task.stop() is True
    count = len(runs)
    await asyncio.sleep(0.02)
    assert len(runs) == count


async def test_wake_runs_the_work_before_the_interval_ends() -> None:
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)

    task = PeriodicTask("test", lambda: 3600, work, delay=0.001)
    task.start()
    task.wake()
    await until(lambda: len(runs) == 1)
    task.wake()
    await until(lambda: len(runs) == 2)
    await task.stop()


async def test_failures_are_logged_once_until_a_run_succeeds(
    capfd: pytest.CaptureFixture[str],
) -> None:
    failing, runs = True, 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if failing:
            raise OSError("secret text")

    task = PeriodicTask("test", 0.001, work)
    task.start()
    await until(lambda: runs > 3)
    failing, runs = False, 0
    await until(lambda: runs > 3)
    failing, runs = True, 0
    await until(lambda: runs > 3)
    await task.stop()
    printed = "".join(capfd.readouterr())
    warnings = [line for line in printed.splitlines() if "warning" in line]
    assert len([line for line in warnings if "background task failed" in line]) == 2
    assert "OSError" in warnings[0] and "secret text" not in printed
