"""A time limit for work that mostly does not have to wait: only work that does costs a timer."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FirstStep(Generic[T]):
    """Runs an awaitable until it has to wait. `is_done`: it did not, and has returned `result`; else await this object."""

    __slots__ = ("_rest", "_waits_for", "is_done", "result")

    result: T

    def __init__(self, work: Awaitable[T]) -> None:
        self._rest = work.__await__()
        self.is_done = False
        try:
            self._waits_for = next(self._rest)
        except StopIteration as done:
            self.is_done = True
            self.result = done.value

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            yield self._waits_for
        except BaseException as error:  # a cancellation, for what is waited for
            if not hasattr(self._rest, "throw"):
                raise  # an awaitable of the server itself, to which nothing can be passed
            try:
                again = self._rest.throw(error)
            except StopIteration as done:
                value: T = done.value
                return value
            yield again
        return (yield from self._rest)


async def within(seconds: float | None, work: Awaitable[T]) -> T:
    """Await work. `seconds`: None = no limit. Raises: TimeoutError if it waits longer."""
    step = FirstStep(work)
    if step.is_done:
        return step.result
    async with asyncio.timeout(seconds):
        return await step
