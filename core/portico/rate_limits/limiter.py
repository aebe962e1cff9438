"""One limiter for every door: asked before a password is hashed, told when a try has succeeded.

    attempt = await limiter.check("signin", client_address(scope), email)   # raises RateLimited
    …                                                                       # the try itself
    await attempt.succeeded()                                               # nothing when it failed

or, with an end for every way a try can end,

    async with await limiter.check("signin", client_address(scope), email):
        …

A try counts against three budgets: of the account from this address, of the address over all accounts, and of the
account from everywhere. The last one slows down whoever guesses from many places; places from which the account was
signed in before are still let in then, so that nobody is locked out by somebody else's tries.
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import Final

from portico.db import new_id
from portico.errors import RateLimited, Unavailable
from portico.rate_limits.attempt import Attempt
from portico.rate_limits.database_counter import DatabaseCounter
from portico.rate_limits.known_locations import KnownLocations
from portico.rate_limits.limit_log import LimitLog
from portico.rate_limits.local_counter import LocalCounter
from portico.rate_limits.pending_attempts import PendingAttempts
from portico.rate_limits.redis_counter import RedisCounter
from portico.rate_limits.rules import Budgets, RateLimit
from portico.redis import RedisConnection, RedisUnavailable
from portico.settings.schema import RateLimitSettings
from portico.settings.section import Secret

#: Seconds that somebody waits for those who came before, until they are told to come back later.
MAX_WAIT_SECONDS: Final = 5.0


class RateLimiter:
    """The limits of one application. `secret`: keeps account names out of keys."""

    def __init__(self, settings: RateLimitSettings, secret: Secret, redis: RedisConnection) -> None:
        self._settings = settings
        self._budgets = Budgets(settings, secret)
        self._ledger = LocalCounter()
        #: Counts for all instances together, where there is a Redis; the other one where there is none, or it is away.
        self._shared = RedisCounter(redis)
        self._database = DatabaseCounter()
        self._familiar = KnownLocations()
        self._waiting = PendingAttempts()
        self._log = LimitLog()

    async def acquire(self, door: str, address: str, account: str | None) -> Attempt:
        """Count a try at a door, such as `signin`, before anything else is done for it.

        `account`: the name under which somebody tries, in any case; None = none, as with keys. Raises: RateLimited,
        if this address, this account or both have been tried too often; a refused try counts for nothing.
        """
        if not self._settings.enabled:
            return Attempt(None, "")
        budgets = [self._budgets.for_address(door, address)]
        place = ""
        if account is not None:
            account = account.strip().lower()
            place = self._budgets.location_id(address, account)
            budgets = [
                self._budgets.for_account_and_address(door, address, account),
                *budgets,
                self._budgets.for_account(door, account),
            ]
        return await self._reserve_or_wait(door, address, budgets, place)

    async def spend(self, account_id: str) -> None:
        """Count one import, copy or share of an account, whatever becomes of it. Raises: RateLimited."""
        if self._settings.enabled:
            waits = await self._take([self._budgets.of_copies(account_id)], new_id())
            if any(waits):
                raise RateLimited(max(1, math.ceil(max(waits))))

    async def _reserve_or_wait(
        self, door: str, address: str, budgets: list[RateLimit], place: str
    ) -> Attempt:
        deadline = asyncio.get_running_loop().time() + MAX_WAIT_SECONDS
        while True:
            attempt_id, ended = new_id(), self._waiting.ended
            waits = await self._take(budgets, attempt_id)
            full = [budget for budget, wait in zip(budgets, waits, strict=True) if wait > 0]
            if not full:
                return Attempt(self, attempt_id, budgets, place)
            if full == budgets[2:] and await self._familiar.contains(place):
                budgets = budgets[:2]  # only the account is guessed at, and from elsewhere
                continue
            if not all(budget.returns for budget in full) or not await self._wait_for_slot(
                full, ended, deadline
            ):
                self._log.reached(door, address, full, waits)
                raise RateLimited(max(1, math.ceil(max(waits))))

    async def _take(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        """By this process's own count, and by that of all instances: in Redis, else in the database.

        Raises: Unavailable if both are away.
        """
        waits = self._ledger.reserve(budgets, attempt)
        if any(waits):
            return waits
        # From here on somebody may give its places back, so others wait for that.
        returning = [budget.key for budget in budgets if budget.returns]
        self._waiting.begin(returning)
        try:
            waits = await self._take_shared(budgets, attempt)
        except BaseException:  # also a caller who does not wait for the answer
            self._drop(budgets, attempt)
            raise
        if any(waits):
            self._drop(budgets, attempt)
        return waits

    async def _take_shared(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        try:
            return await self._shared.reserve(budgets, attempt)
        except RedisUnavailable:
            return await self._database.take(budgets, attempt)

    async def _give_back_shared(self, keys: Sequence[str], attempt: str) -> None:
        try:
            await self._shared.refund(keys, attempt)
        except RedisUnavailable:
            with contextlib.suppress(
                Unavailable
            ):  # it counts as failed then, until its window ends
                await self._database.give_back(keys, attempt)

    def _drop(self, budgets: Sequence[RateLimit], attempt: str) -> None:
        """Forget an attempt that was counted here, and not together with the others."""
        self._ledger.refund([budget.key for budget in budgets], attempt)
        self._waiting.cancel([budget.key for budget in budgets if budget.returns])

    async def _wait_for_slot(self, full: Sequence[RateLimit], ended: int, deadline: float) -> bool:
        """Wait until it is worth trying again; False = it is not."""
        if ended != self._waiting.ended:
            return asyncio.get_running_loop().time() < deadline
        if not all(self._waiting.can_wait(budget.key) for budget in full):
            return False
        try:
            async with asyncio.timeout_at(deadline):
                await self._waiting.wait(full[0].key)
        except TimeoutError:
            return False
        return True

    async def refund(self, attempt: Attempt, returned: Sequence[str], place: str = "") -> None:
        """For attempts: give back, and remember the place."""
        try:
            # First where all count, so that who is let in here is let in there.
            await self._give_back_shared(returned, attempt.id)
        finally:
            self._ledger.refund(returned, attempt.id)
            self._waiting.end(attempt.returning, returned=True)
        if place:
            await self._familiar.add(place)

    def count_failure(self, keys: Sequence[str]) -> None:
        """For attempts that are over without having succeeded."""
        self._waiting.end(keys, returned=False)
