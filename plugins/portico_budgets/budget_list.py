"""All budgets, in the memory of this process, and which of them apply to a call."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final

from portico.api import AppContext, Unavailable
from portico_budgets import store
from portico_budgets.budget import Budget, Subject, SubjectKind

#: Seconds for which the list is used before its revision is read again, so that a change is in force within a second.
CHECK_SECONDS: Final = 0.5
#: Seconds that reading may take.
LOAD_SECONDS: Final = 5.0
TOPIC: Final = "budgets:changed"


class BudgetSet:
    """Budgets by subject. Immutable."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self.budgets = tuple(budgets)
        self._by_subject: dict[Subject, list[Budget]] = {}
        for budget in budgets:
            self._by_subject.setdefault(budget.subject, []).append(budget)
        self._kinds = frozenset(subject.kind for subject in self._by_subject)

    def __bool__(self) -> bool:
        """Whether there is any budget."""
        return bool(self.budgets)

    @property
    def subjects(self) -> Iterable[Subject]:
        """All subjects that have a budget."""
        return self._by_subject.keys()

    def has(self, kind: SubjectKind) -> bool:
        """Return whether there is a budget of this kind of subject."""
        return kind in self._kinds

    def of(self, subjects: Iterable[Subject]) -> list[Budget]:
        """Return the budgets of these subjects."""
        return [one for subject in subjects for one in self._by_subject.get(subject, ())]


class BudgetList:
    """The budgets as the database has them. Costs a short statement every half second while calls are made."""

    def __init__(self, app: AppContext) -> None:
        self._channel = app.instance_channel
        self._set, self._revision = BudgetSet(()), -1
        self._fresh_until = self._failed_until = float("-inf")
        self._invalidations, self._loaded_at = 0, -1
        self._loading = asyncio.Lock()
        self._channel.subscribe(TOPIC, lambda *_: self.invalidate())

    @property
    def last_known(self) -> BudgetSet | None:
        """The budgets that were read last; None if none were read, or it is known that they have changed since."""
        return self._set if self._loaded_at == self._invalidations else None

    async def current(self) -> BudgetSet:
        """Return the budgets. Raises: Unavailable."""
        if time.monotonic() < self._fresh_until:
            return self._set
        async with self._loading:
            if time.monotonic() >= self._fresh_until:
                await self._load()
        return self._set

    def changed(self) -> None:
        """Read the budgets again, here and on the other instances. Call it after the commit."""
        self.invalidate()
        self._channel.publish(TOPIC, b"")

    def invalidate(self) -> None:
        """Read the budgets again before the next call."""
        self._invalidations += 1
        self._fresh_until = float("-inf")

    async def _load(self) -> None:
        at, invalidations = time.monotonic(), self._invalidations
        if at < self._failed_until:  # those that wait need not wait for the same failure
            raise Unavailable
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                revision = await store.revision()
                if revision != self._revision:
                    self._set = BudgetSet(await store.all_budgets())
                    self._revision = revision
        except (Unavailable, TimeoutError) as error:
            self._failed_until = time.monotonic() + CHECK_SECONDS
            raise Unavailable from error
        self._loaded_at = invalidations
        if invalidations == self._invalidations:
            self._fresh_until = at + CHECK_SECONDS
