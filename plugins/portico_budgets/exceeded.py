"""The refusal of a call whose budget is exhausted."""

from datetime import UTC, datetime

from portico.api import RateLimited
from portico_budgets.budget import Budget, PeriodBounds

#: Seconds after which a call may be tried again when a budget has no period.
RETRY_SECONDS = 1


class BudgetExceeded(RateLimited):
    """A call is over a budget. The error says which one, and when its period ends."""

    code = "budget_exceeded"

    def __init__(self, budget: Budget, bounds: PeriodBounds, at: int) -> None:
        """`at`: now, in epoch seconds."""
        if bounds.end is None:
            retry_after, resets = RETRY_SECONDS, "resets when a running call ends"
        else:
            retry_after, resets = max(1, bounds.end - at), f"resets at {iso_time(bounds.end)}"
        super().__init__(retry_after, f"Budget exceeded: {budget} for {budget.subject}; {resets}")


def iso_time(at: int) -> str:
    """Return epoch seconds as `2026-12-01T00:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
