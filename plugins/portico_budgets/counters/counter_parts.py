"""The parts of this process in all counters, in memory: what calls are given, and what is to be written."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from portico_budgets.counters.counter_part import CounterPart, Totals
from portico_budgets.counters.demand import CounterKey, Demand, Refusal, Reservation
from portico_budgets.counters.statements import Counter

Counters: TypeAlias = Mapping[CounterKey, Counter]

#: Fractions of the time until reservations expire: for which what is spare is given, and after which they may be free.
_VALID: Final = 0.5
_EXPIRED: Final = 0.9


class CounterParts:
    """Knows no database. `unwritten`: the counters whose amounts there are not the present ones."""

    def __init__(self, reservation_seconds: int) -> None:
        self._seconds = reservation_seconds
        self._parts: dict[CounterKey, CounterPart] = {}
        self.unwritten: set[CounterKey] = set()

    def __getitem__(self, key: CounterKey) -> CounterPart:
        return self._parts[key]

    # -- calls ----------------------------------------------------------------------------------------------

    def reserve(self, demands: tuple[Demand, ...]) -> Reservation | Refusal | None:
        """Give a call what is spare; refuse it if too much was used. None: only the database can tell."""
        at, parts = time.monotonic(), list[CounterPart]()
        for demand in demands:
            part = self._parts.get(demand.key)
            if part is None:
                return None
            if demand.minimum > demand.budget.amount - part.known_used:
                return Refusal(demand)
            if not part.can_give(demand.wanted, at):
                return None
            parts.append(part)
        for part, demand in zip(parts, demands, strict=True):
            part.give(demand.wanted)
        return Reservation(demands, tuple(demand.wanted for demand in demands))

    def enter(self, demands: tuple[Demand, ...]) -> Reservation:
        """Let a call pass without giving it anything."""
        for part in self.add(demands):
            part.calls += 1
        return Reservation(demands, (0,) * len(demands))

    def settle(self, reservation: Reservation, used: Sequence[int]) -> None:
        """Take back what a call was given, and count what it has used."""
        for demand, amount, cost in zip(
            reservation.demands, reservation.amounts, used, strict=True
        ):
            part = self._parts.get(demand.key)
            if part is None:  # the budget was deleted
                continue
            part.calls -= 1
            part.reserved -= amount
            part.used += cost
            if not part.is_written:
                self.unwritten.add(demand.key)

    def take_back(self, results: Iterable[Reservation | Refusal]) -> None:
        """Take back what calls were given that are not made."""
        for result in results:
            if isinstance(result, Reservation):
                self.settle(result, (0,) * len(result.amounts))

    # -- transactions ---------------------------------------------------------------------------------------

    def add(self, demands: Iterable[Demand]) -> list[CounterPart]:
        """Return the parts in these counters. New ones are added."""
        for demand in demands:
            if demand.key not in self._parts:
                self._parts[demand.key] = CounterPart(demand.bounds)
        return [self._parts[demand.key] for demand in demands]

    def known(self, keys: Iterable[CounterKey]) -> list[CounterKey]:
        """Return those counters in which this process has a part, in the order in which they are locked."""
        return sorted(key for key in keys if key in self._parts)

    def without_counter(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, CounterPart]:
        """Return the parts whose counter may not exist yet."""
        return {key: part for key in keys if not (part := self._parts[key]).is_known}

    def look_at(self, keys: Iterable[CounterKey], counters: Counters) -> None:
        """Note what all processes have used, and forget the counters of deleted budgets, which are not there."""
        for key in keys:
            if key in counters:
                self._parts[key].known_used = counters[key].used
            else:
                del self._parts[key]

    def decide(
        self, demands: tuple[Demand, ...], counters: Counters, at: float
    ) -> Reservation | Refusal:
        """Give a call what it wants, as far as it is left in the locked counters. `at`: monotonic seconds."""
        amounts: list[int] = []
        for demand in demands:
            counter = counters.get(demand.key)
            if counter is None:  # the budget was deleted
                amounts.append(0)
                continue
            left = self._parts[demand.key].left(counter.left, at)
            if left < demand.minimum:
                return Refusal(demand)
            amounts.append(min(demand.wanted, left))
        for part, amount in zip(self.add(demands), amounts, strict=True):
            part.give(amount)
        return Reservation(demands, tuple(amounts))

    def to_write(
        self, counters: Counters, due: set[CounterKey], at: float
    ) -> Mapping[CounterKey, Totals]:
        """Return what is to be written. `due`: in any case. `at`: monotonic seconds."""
        totals = {}
        for key, counter in counters.items():
            part = self._parts[key]
            if key not in due and part.is_written:
                continue
            spare = part.spare_for(part.left(counter.left, at), at)
            part.writing = totals[key] = Totals(part.reserved + spare, part.used, spare)
        return totals

    def written(self, keys: Iterable[CounterKey], at: float) -> None:
        """Let what is spare be given from now on: other processes wait for the commit. `at`: monotonic seconds."""
        for key in keys:
            self._parts[key].valid_until = at + self._seconds * _VALID

    def committed(self, keys: Iterable[CounterKey], at: float) -> None:
        """Note that the database has what was written. `at`: monotonic seconds when the transaction began."""
        for key in self.known(keys):
            part = self._parts[key]
            part.written, part.is_known = part.writing, True
            part.expires_at = at + self._seconds * _EXPIRED
            if not part.is_written:
                self.unwritten.add(key)

    def failed(self, keys: Iterable[CounterKey]) -> None:
        """Note that it is not known what the database has. Nothing is given before the next transaction."""
        for key in self.known(keys):
            self._parts[key].valid_until = 0.0
            self.unwritten.add(key)

    def renew(self, at: int) -> None:
        """Have all reservations written again, and forget counters whose period is long over. `at`: epoch seconds."""
        for key in [key for key, part in self._parts.items() if part.is_over(at)]:
            del self._parts[key]
        for key, part in self._parts.items():
            if part.reserved or part.written.reserved:
                self.unwritten.add(key)
