"""An attempt that was allowed, until its outcome is known."""

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from portico.errors import RateLimited, Unavailable
from portico.rate_limits.rules import RateLimit


class AttemptRecorder(Protocol):
    """Receives the outcome of attempts."""

    async def refund(self, attempt: "Attempt", keys: Sequence[str], location_id: str = "") -> None:
        """Do not count the attempt against these keys any more."""

    def count_failure(self, keys: Sequence[str]) -> None:
        """The attempt has ended and goes on counting against these keys."""


class Attempt:
    """A counted attempt. It counts as failed until `succeeded` is called.

    It ends when the object is collected, so keep a reference until the outcome is known. As a context manager it
    succeeds if the block raises nothing, and is withdrawn if the block raises RateLimited or Unavailable.
    """

    def __init__(
        self,
        recorder: AttemptRecorder | None,
        attempt_id: str,
        limits: Sequence[RateLimit] = (),
        location_id: str = "",
    ) -> None:
        self.id = attempt_id
        #: Keys of the limits that do not count an attempt that succeeds.
        self.refundable_keys = [limit.key for limit in limits if limit.refund_on_success]
        self._recorder = recorder
        self._keys = [limit.key for limit in limits]
        self._location_id = location_id
        self._loop = asyncio.get_running_loop()

    async def succeeded(self) -> None:
        """Record a success: refund the limits that count failures only, and remember the location."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await recorder.refund(self, self.refundable_keys, self._location_id)

    async def withdraw(self) -> None:
        """Refund the attempt completely: it could not be checked."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await recorder.refund(self, self._keys)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            await self.succeeded()
        elif isinstance(error, RateLimited | Unavailable):
            await self.withdraw()
        else:
            self._count_failure()

    def __del__(self) -> None:
        # May run in any thread, and after the loop was closed.
        with contextlib.suppress(RuntimeError):
            self._count_failure()

    def _count_failure(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._loop.call_soon_threadsafe(recorder.count_failure, self.refundable_keys)
