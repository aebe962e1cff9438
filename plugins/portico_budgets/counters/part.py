"""The part of this process in one counter, in memory."""

import msgspec

from portico_budgets.budget import DAY_SECONDS, PeriodBounds

#: How long counters are kept after their period, by its length in seconds: what was used can be looked up.
KEPT_SECONDS = {60: DAY_SECONDS, DAY_SECONDS: 62 * DAY_SECONDS}
KEPT_MONTH_SECONDS = 400 * DAY_SECONDS
#: How long the part of a process is kept after the last write, or after its period.
KEPT_PART_SECONDS = 2 * DAY_SECONDS
#: How long after its period a call may still be counted in it that asked before.
LATE_SECONDS = 600
#: A time that does not come.
NEVER = 2**40


class Part(msgspec.Struct):
    """What running calls of this process have reserved of a counter, and what its calls have used since the start.

    `written_reserved`, `written_used`: as the database has them, as far as this process knows. `calls`: how many running
    calls are counted in it. `known_used`: what all processes had used at the last look; it only grows. `is_known`: whether
    the database has the counter.
    """

    bounds: PeriodBounds
    reserved: int = 0
    used: int = 0
    calls: int = 0
    known_used: int = 0
    is_known: bool = False
    written_reserved: int = 0
    written_used: int = 0

    @property
    def unwritten(self) -> int:
        """What the database does not count yet; negative if it counts too much."""
        return self.reserved - self.written_reserved + self.used - self.written_used

    @property
    def is_written(self) -> bool:
        """Whether the database has the present amounts."""
        return (self.reserved, self.used) == (self.written_reserved, self.written_used)

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
