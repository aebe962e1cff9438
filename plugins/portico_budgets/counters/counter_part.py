"""The part of this process in one counter, in memory."""

from typing import Final, NamedTuple

import msgspec

from portico_budgets.budget import DAY_SECONDS, PeriodBounds

#: How long counters are kept after their period, by its length in seconds: what was used can be looked up.
KEPT_SECONDS: Final = {60: DAY_SECONDS, DAY_SECONDS: 62 * DAY_SECONDS}
KEPT_MONTH_SECONDS: Final = 400 * DAY_SECONDS
#: How long the part of a process is kept after the last write, or after its period.
KEPT_PART_SECONDS: Final = 2 * DAY_SECONDS
#: How long after its period a call may still be counted in it that asked before.
LATE_SECONDS: Final = 600
#: Seconds for which what calls are given is added up.
WINDOW_SECONDS: Final = 0.1
#: How much is reserved for calls to come: at most this many times what was given lately, and this part of what is left.
SPARE_FACTOR: Final = 2
SPARE_PART: Final = 16
#: A time that does not come.
NEVER: Final = 2**40


class Totals(NamedTuple):
    """What the database has of a part. `spare`: what of `reserved` is for calls to come."""

    reserved: int
    used: int
    spare: int = 0


class CounterPart(msgspec.Struct):
    """What running calls of this process have reserved of a counter, and what its calls have used since the start.

    `calls`: how many running calls are counted in it. `granted`, `granted_before`: what calls were given in the present
    time window, which began at `window_at` (monotonic seconds), and in the one before.
    `known_used`: what all processes had used at the last look; it only grows. `is_known`: whether the database has the
    counter. `written`, `writing`: what it has before and after the present transaction. `valid_until`: monotonic seconds
    until which what is spare may be given away, since no other process takes it for free; 0 = it may not. `expires_at`:
    monotonic seconds after which another process may have freed what was reserved.
    """

    bounds: PeriodBounds
    reserved: int = 0
    used: int = 0
    calls: int = 0
    granted: int = 0
    granted_before: int = 0
    window_at: float = 0.0
    known_used: int = 0
    is_known: bool = False
    written: Totals = Totals(0, 0)
    writing: Totals = Totals(0, 0)
    valid_until: float = 0.0
    expires_at: float = 0.0

    @property
    def unwritten(self) -> int:
        """What the database does not count yet; negative if it counts too much."""
        return self.reserved - self.written.reserved + self.used - self.written.used

    @property
    def is_written(self) -> bool:
        """Whether the database has the present amounts, and nothing is spare."""
        return self.written == (self.reserved, self.used, 0)

    def can_give(self, amount: int, at: float) -> bool:
        """Return whether this much is spare. `at`: monotonic seconds."""
        spare = self.writing.reserved + self.writing.used - self.reserved - self.used
        return amount <= spare and at < self.valid_until

    def left(self, left_of_all: int, at: float) -> int:
        """Return what is left for this process. `left_of_all`: in the database. `at`: monotonic seconds.

        Whether expired reservations were freed is not known, so they are taken for free and for reserved, which is safe.
        """
        return left_of_all - self.unwritten - (self.written.reserved if at > self.expires_at else 0)

    def give(self, amount: int) -> None:
        """Count a call, which was given this much."""
        self.calls += 1
        self.reserved += amount
        self.granted += amount

    def spare_for(self, left: int, at: float) -> int:
        """Return how much is to be reserved for calls to come. `left`: what no process has reserved. `at`: as `left`.

        Twice as much as calls were given lately, so that few of them wait for the database. If little is left it is
        nothing: calls of other processes would wait until this one gives it back.
        """
        if (age := at - self.window_at) >= WINDOW_SECONDS:
            self.granted_before = self.granted if age < 2 * WINDOW_SECONDS else 0
            self.granted, self.window_at = 0, at
        lately = self.granted + self.granted_before
        return max(0, min(SPARE_FACTOR * lately, left // SPARE_PART))

    @property
    def counter_kept_until(self) -> int:
        """Epoch seconds after which the counter may be deleted."""
        if self.bounds.end is None:
            return NEVER
        length = self.bounds.end - self.bounds.start
        return self.bounds.end + KEPT_SECONDS.get(length, KEPT_MONTH_SECONDS)

    def kept_until(self, at: int) -> int:
        """Return the epoch seconds after which the row of this part may be deleted."""
        return max(at, self.bounds.end or 0) + KEPT_PART_SECONDS

    def is_over(self, at: int) -> bool:
        """Return whether it can be forgotten: its period is long over, and no call runs that is counted in it."""
        end = self.bounds.end
        return end is not None and end + LATE_SECONDS < at and not self.calls and self.is_written
