"""Rate limiter of sign-in endpoints. Ask it before a password is hashed, and report a success.

    attempt = await limiter.acquire("signin", client_address(scope), email)   # raises RateLimited
    …                                                                         # check the password
    await attempt.succeeded()                                                 # nothing if it failed

or, for every outcome,

    async with await limiter.acquire("signin", client_address(scope), email):
        …

An attempt counts against three limits: of the account from this address, of the address for all accounts, and of the
account from all addresses. The last one slows down attacks from many addresses; networks from which the account was
signed in before are exempt from it, so an attack does not lock out the user.
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
from portico.rate_limits.rules import RateLimit, RateLimits
from portico.redis import RedisConnection, RedisUnavailable
from portico.settings.identity import RateLimitSettings
from portico.settings.section import Secret

#: An attempt waits this long for attempts under way before it is refused.
MAX_WAIT_SECONDS: Final = 5.0


class RateLimiter:
    """The rate limiter of an application. `secret`: hashes account names and addresses in stored keys."""

    def __init__(self, settings: RateLimitSettings, secret: Secret, redis: RedisConnection) -> None:
        self._settings = settings
        self._limits = RateLimits(settings, secret)
        self._local = LocalCounter()
        #: Counts for all instances; the database does without Redis and while Redis is unavailable.
        self._redis = RedisCounter(redis)
        self._database = DatabaseCounter()
        self._known_locations = KnownLocations()
        self._pending = PendingAttempts()
        self._log = LimitLog()

    async def acquire(self, endpoint: str, address: str, account: str | None) -> Attempt:
        """Count an attempt at an endpoint, such as `signin`, before it is processed.

        `account`: the account name that was sent, in any case; None = none, as with API keys. Raises: RateLimited if
        there were too many attempts for this address, this account or both; a refused attempt is not counted.
        """
        if not self._settings.enabled:
            return Attempt(None, "")
        limits = [self._limits.for_address(endpoint, address)]
        location_id = ""
        if account is not None:
            account = account.strip().lower()
            location_id = self._limits.location_id(address, account)
            limits = [
                self._limits.for_account_and_address(endpoint, address, account),
                *limits,
                self._limits.for_account(endpoint, account),
            ]
        return await self._reserve_or_wait(endpoint, address, limits, location_id)

    async def count_copy(self, account_id: str) -> None:
        """Count an import, copy or share of an account, whatever its outcome. Raises: RateLimited."""
        if self._settings.enabled:
            waits = await self._reserve([self._limits.for_copies(account_id)], new_id())
            if any(waits):
                raise RateLimited(max(1, math.ceil(max(waits))))

    async def _reserve_or_wait(
        self, endpoint: str, address: str, limits: list[RateLimit], location_id: str
    ) -> Attempt:
        deadline = asyncio.get_running_loop().time() + MAX_WAIT_SECONDS
        while True:
            attempt_id, ended = new_id(), self._pending.ended
            waits = await self._reserve(limits, attempt_id)
            full = [limit for limit, wait in zip(limits, waits, strict=True) if wait > 0]
            if not full:
                return Attempt(self, attempt_id, limits, location_id)
            if full == limits[2:] and await self._known_locations.contains(location_id):
                # Only the limit of the account is reached, and this location is known.
                limits = limits[:2]
                continue
            if not all(limit.refund_on_success for limit in full) or not await self._wait_for_slot(
                full, ended, deadline
            ):
                self._log.reached(endpoint, address, full, waits)
                raise RateLimited(max(1, math.ceil(max(waits))))

    async def _reserve(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count an attempt in this process, then for all instances: in Redis, else in the database.

        Raises: Unavailable if neither is available.
        """
        waits = self._local.reserve(limits, attempt)
        if any(waits):
            return waits
        # From here on the attempt may be refunded, so others may wait for it.
        refundable = [limit.key for limit in limits if limit.refund_on_success]
        self._pending.begin(refundable)
        try:
            waits = await self._reserve_shared(limits, attempt)
        except BaseException:  # also a cancelled caller
            self._refund_local(limits, attempt)
            raise
        if any(waits):
            self._refund_local(limits, attempt)
        return waits

    async def _reserve_shared(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        try:
            return await self._redis.reserve(limits, attempt)
        except RedisUnavailable:
            return await self._database.reserve(limits, attempt)

    async def _refund_shared(self, keys: Sequence[str], attempt: str) -> None:
        try:
            await self._redis.refund(keys, attempt)
        except RedisUnavailable:
            with contextlib.suppress(Unavailable):  # then it counts as failed until its window ends
                await self._database.refund(keys, attempt)

    def _refund_local(self, limits: Sequence[RateLimit], attempt: str) -> None:
        """Refund an attempt that was counted in this process only."""
        self._local.refund([limit.key for limit in limits], attempt)
        self._pending.cancel([limit.key for limit in limits if limit.refund_on_success])

    async def _wait_for_slot(self, full: Sequence[RateLimit], ended: int, deadline: float) -> bool:
        """Wait until an attempt may be possible. Returns False if it is not worth waiting."""
        if ended != self._pending.ended:
            return asyncio.get_running_loop().time() < deadline
        if not all(self._pending.can_wait(limit.key) for limit in full):
            return False
        try:
            async with asyncio.timeout_at(deadline):
                await self._pending.wait(full[0].key)
        except TimeoutError:
            return False
        return True

    async def refund(self, attempt: Attempt, keys: Sequence[str], location_id: str = "") -> None:
        """Called by attempts: refund the keys, and store the location."""
        try:
            # The shared counter first, so that an attempt that is allowed here is allowed there.
            await self._refund_shared(keys, attempt.id)
        finally:
            self._local.refund(keys, attempt.id)
            self._pending.end(attempt.refundable_keys, refunded=True)
        if location_id:
            await self._known_locations.add(location_id)

    def count_failure(self, keys: Sequence[str]) -> None:
        """Called by attempts that ended without success."""
        self._pending.end(keys, refunded=False)
