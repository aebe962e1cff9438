"""Time limits for work that mostly does not have to wait: only work that does costs a timer."""

import asyncio
import time
from collections.abc import Awaitable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

#: Seconds between two cancellations of work that goes on after its limit.
CANCEL_SECONDS: Final = 0.1
#: Cancellations after which such work is left where it is.
CANCELLATIONS: Final = 3
#: How often such work is told to end, each time that it begins to wait again.
MAX_EXITS: Final = 100


class Begun(Generic[T]):
    """Work that waits for something, to be awaited on. `rest`: its generator, which has returned `waits_for`."""

    __slots__ = ("_rest", "_waits_for")

    def __init__(self, rest: Generator[Any, Any, T], waits_for: Any) -> None:
        self._rest, self._waits_for = rest, waits_for

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
    rest = work.__await__()
    try:
        waits_for = next(rest)
    except StopIteration as done:
        value: T = done.value
        return value
    async with asyncio.timeout(seconds):
        return await Begun(rest, waits_for)


class LimitExceeded(TimeoutError):
    """Work took longer than its limit, which is in seconds."""

    def __init__(self, seconds: float, text: str = "") -> None:
        super().__init__(text or f"it did not end within {seconds:.3g} s")
        self.seconds = seconds


class Strictly(Generic[T]):
    """Awaits work in the running task for `seconds` at most, also work that ignores that it is cancelled.

    Such work is cancelled several times, and then never continued. `step`: entered while the work computes, left while
    it waits. Raises: LimitExceeded; what the work raises.
    """

    __slots__ = ("_cancelled", "_seconds", "_step", "_task", "_timer", "_work")

    def __init__(
        self,
        seconds: float,
        work: Awaitable[T],
        step: AbstractContextManager[object] | None = None,
    ) -> None:
        self._seconds, self._work = seconds, work.__await__()
        self._step: AbstractContextManager[object] = step or nullcontext()
        self._timer: asyncio.TimerHandle | None = None
        self._cancelled = 0

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            return (yield from self._steps())
        except Exception as error:
            if self._cancelled:  # it is what the work made of its cancellation
                raise LimitExceeded(self._seconds) from error
            raise
        except asyncio.CancelledError as error:
            if self._cancelled and not self._uncancelled():
                raise LimitExceeded(self._seconds) from error
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._uncancelled()

    def _steps(self) -> Generator[Any, Any, T]:
        thrown: BaseException | None = None
        while True:
            try:
                with self._step:
                    waits_for = self._next(thrown)
            except StopIteration as done:
                value: T = done.value
                return value
            if self._timer is None:
                self._begin()
            thrown = None
            try:
                yield waits_for
            except BaseException as error:  # a cancellation, for what is waited for
                if self._cancelled >= CANCELLATIONS:
                    self._close()
                    raise
                thrown = error

    def _next(self, thrown: BaseException | None) -> Any:
        if thrown is None:
            return next(self._work)
        if not hasattr(self._work, "throw"):
            raise thrown  # an awaitable of the server itself, to which nothing can be passed
        return self._work.throw(thrown)

    def _close(self) -> None:
        """Have the work end without waiting for anything; it may ignore that, too."""
        if not hasattr(self._work, "throw"):
            return
        for _ in range(MAX_EXITS):
            try:
                self._work.throw(GeneratorExit())
            except BaseException:  # noqa: BLE001 - it has ended
                return

    def _begin(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._cancel)

    def _cancel(self) -> None:
        assert self._task is not None
        self._cancelled += 1
        self._task.cancel()
        self._timer = asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._cancel)

    def _uncancelled(self) -> int:
        """Take back the cancellations of this limit. Return how many the task has from others."""
        left = 0
        while self._cancelled:
            self._cancelled -= 1
            left = self._task.uncancel() if self._task is not None else 0
        return left


async def strictly(seconds: float, work: Awaitable[T]) -> T:
    """Await work as `Strictly` does; work that does not wait costs almost nothing."""
    rest = work.__await__()
    try:
        waits_for = next(rest)
    except StopIteration as done:
        value: T = done.value
        return value
    return await Strictly(seconds, Begun(rest, waits_for))


class LimitShare:
    """Divides a time among calls of which many may hang: a call gets its limit, but only a part of what is left.

    `seconds`: for all of them. `part`: what one call may take of the seconds that are left.
    """

    MIN_SECONDS: Final = 0.5

    def __init__(self, seconds: float, part: float) -> None:
        self._end, self._part = time.monotonic() + seconds, part

    def of(self, limit: float) -> float:
        """Return the seconds for the next call, whose limit is this."""
        left = (self._end - time.monotonic()) * self._part
        return max(min(limit, left), min(limit, self.MIN_SECONDS))
