"""One limiter for every door: asked before a password is hashed, told when a try has succeeded.

    attempt = await limiter.check("signin", client_address(scope), email)   # raises TooMany
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
from portico.errors import TooMany, Unavailable
from portico.limits.attempt import Attempt
from portico.limits.budget import Budget, Budgets
from portico.limits.database_counter import DatabaseCounter
from portico.limits.familiar import Familiar
from portico.limits.ledger import Ledger
from portico.limits.log import LimitLog
from portico.limits.shared import SharedLedger
from portico.limits.waiting import Waiting
from portico.redis import Away, Redis
from portico.settings.schema import LimitSettings
from portico.settings.section import Secret

#: Seconds that somebody waits for those who came before, until they are told to come back later.
PATIENCE: Final = 5.0


class Limiter:
    """The limits of one application. `secret`: keeps account names out of keys."""

    def __init__(self, settings: LimitSettings, secret: Secret, redis: Redis) -> None:
        self._settings = settings
        self._budgets = Budgets(settings, secret)
        self._ledger = Ledger()
        #: Counts for all instances together, where there is a Redis; the other one where there is none, or it is away.
        self._shared = SharedLedger(redis)
        self._database = DatabaseCounter()
        self._familiar = Familiar()
        self._waiting = Waiting()
        self._log = LimitLog()

    async def check(self, door: str, address: str, account: str | None) -> Attempt:
        """Count a try at a door, such as `signin`, before anything else is done for it.

        `account`: the name under which somebody tries, in any case; None = none, as with keys. Raises: TooMany,
        if this address, this account or both have been tried too often; a refused try counts for nothing.
        """
        if not self._settings.enabled:
            return Attempt(None, "")
        budgets = [self._budgets.of_address(door, address)]
        place = ""
        if account is not None:
            account = account.strip().lower()
            place = self._budgets.familiar(address, account)
            budgets = [
                self._budgets.of_pair(door, address, account),
                *budgets,
                self._budgets.of_account(door, account),
            ]
        return await self._admit(door, address, budgets, place)

    async def spend(self, account_id: str) -> None:
        """Count one import, copy or share of an account, whatever becomes of it. Raises: TooMany."""
        if self._settings.enabled:
            waits = await self._take([self._budgets.of_copies(account_id)], new_id())
            if any(waits):
                raise TooMany(max(1, math.ceil(max(waits))))

    async def _admit(self, door: str, address: str, budgets: list[Budget], place: str) -> Attempt:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            attempt_id, ended = new_id(), self._waiting.ended
            waits = await self._take(budgets, attempt_id)
            full = [budget for budget, wait in zip(budgets, waits, strict=True) if wait > 0]
            if not full:
                return Attempt(self, attempt_id, budgets, place)
            if full == budgets[2:] and await self._familiar.knows(place):
                budgets = budgets[:2]  # only the account is guessed at, and from elsewhere
                continue
            if not all(budget.returns for budget in full) or not await self._room(
                full, ended, deadline
            ):
                self._log.reached(door, address, full, waits)
                raise TooMany(max(1, math.ceil(max(waits))))

    async def _take(self, budgets: Sequence[Budget], attempt: str) -> list[float]:
        """By this process's own count, and by that of all instances: in Redis, else in the database.

        Raises: Unavailable if both are away.
        """
        waits = self._ledger.take(budgets, attempt)
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

    async def _take_shared(self, budgets: Sequence[Budget], attempt: str) -> list[float]:
        try:
            return await self._shared.take(budgets, attempt)
        except Away:
            return await self._database.take(budgets, attempt)

    async def _give_back_shared(self, keys: Sequence[str], attempt: str) -> None:
        try:
            await self._shared.give_back(keys, attempt)
        except Away:
            with contextlib.suppress(
                Unavailable
            ):  # it counts as failed then, until its window ends
                await self._database.give_back(keys, attempt)

    def _drop(self, budgets: Sequence[Budget], attempt: str) -> None:
        """Forget an attempt that was counted here, and not together with the others."""
        self._ledger.give_back([budget.key for budget in budgets], attempt)
        self._waiting.cancel([budget.key for budget in budgets if budget.returns])

    async def _room(self, full: Sequence[Budget], ended: int, deadline: float) -> bool:
        """Wait until it is worth trying again; False = it is not."""
        if ended != self._waiting.ended:
            return asyncio.get_running_loop().time() < deadline
        if not all(self._waiting.worth(budget.key) for budget in full):
            return False
        try:
            async with asyncio.timeout_at(deadline):
                await self._waiting.wait(full[0].key)
        except TimeoutError:
            return False
        return True

    async def settle(self, attempt: Attempt, returned: Sequence[str], place: str = "") -> None:
        """For attempts: give back, and remember the place."""
        try:
            # First where all count, so that who is let in here is let in there.
            await self._give_back_shared(returned, attempt.id)
        finally:
            self._ledger.give_back(returned, attempt.id)
            self._waiting.end(attempt.returning, returned=True)
        if place:
            await self._familiar.note(place)

    def lost(self, keys: Sequence[str]) -> None:
        """For attempts that are over without having succeeded."""
        self._waiting.end(keys, returned=False)
