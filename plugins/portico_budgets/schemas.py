"""JSON bodies of the routes of budgets."""

from typing import Annotated

import msgspec

from portico_budgets.budget import Budget, Period, Unit

#: The upper limit only refuses mistakes.
Limit = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
SubjectText = Annotated[
    str,
    msgspec.Meta(
        max_length=600,
        description="`user:<id>`, `group:<id>`, `key:<id>`, `model:<id>` or `everyone`",
    ),
]


class NewBudget(msgspec.Struct, kw_only=True):
    """A new budget. `period`: required, except for `concurrency`, where it is ignored."""

    subject: SubjectText
    unit: Unit
    period: Period | None = None
    limit: Limit


class BudgetChanges(msgspec.Struct, kw_only=True):
    """Another limit. The other fields may be sent along, and must be as they are."""

    limit: Limit
    subject: str | None = None
    unit: Unit | None = None
    period: Period | None = None


class BudgetView(msgspec.Struct, kw_only=True):
    """A budget, and what was used of it in the present period. Money is in units of `currency`.

    `reserved`: what running calls may use. `period`, `resets_at`: null for `concurrency`, whose running calls are in
    `reserved`. `currency`: null for all units but `money`. Units: times in epoch seconds.
    """

    id: str
    subject: str
    unit: Unit
    period: Period | None
    limit: int | float
    used: int | float
    reserved: int | float
    resets_at: int | None
    currency: str | None
    created_at: int
    updated_at: int


def audit_view(budget: Budget) -> dict[str, object]:
    """Return what the audit log has of a budget."""
    return {
        "subject": str(budget.subject),
        "unit": budget.unit,
        "period": budget.period,
        "limit": budget.limit,
    }
