"""One try that was let through, until it is known how it ended."""

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from portico.errors import RateLimited, Unavailable
from portico.rate_limits.rules import RateLimit


class AttemptRecorder(Protocol):
    """Whoever counts tries."""

    async def refund(self, attempt: "Attempt", returned: Sequence[str], place: str = "") -> None:
        """A try has ended that is given back to these keys."""

    def count_failure(self, keys: Sequence[str]) -> None:
        """A try has ended that counted against these keys, and goes on doing so."""


class Attempt:
    """A try. It counts as failed, until it is said to have succeeded.

    It is over when nobody holds it any more, so keep it until it has been judged. As a context manager it succeeds
    if the block ends well, and does not count at all if the house was too busy, or its database away, to judge it.
    """

    def __init__(
        self,
        judge: AttemptRecorder | None,
        attempt_id: str,
        budgets: Sequence[RateLimit] = (),
        place: str = "",
    ) -> None:
        self.id = attempt_id
        #: The keys of the budgets that get it back if it succeeds.
        self.returning = [budget.key for budget in budgets if budget.returns]
        self._judge = judge
        self._keys = [budget.key for budget in budgets]
        self._place = place
        self._loop = asyncio.get_running_loop()

    async def succeeded(self) -> None:
        """They are who they say. What counts only failures is given back, and the place is remembered."""
        judge, self._judge = self._judge, None
        if judge is not None:
            await judge.refund(self, self.returning, self._place)

    async def withdraw(self) -> None:
        """It was never judged: it does not count at all."""
        judge, self._judge = self._judge, None
        if judge is not None:
            await judge.refund(self, self._keys)

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
            self._lose()

    def __del__(self) -> None:
        # Whichever thread collects it, and be it after the loop has been closed.
        with contextlib.suppress(RuntimeError):
            self._lose()

    def _lose(self) -> None:
        judge, self._judge = self._judge, None
        if judge is not None:
            self._loop.call_soon_threadsafe(judge.count_failure, self.returning)
