"""What a call wants of its budgets, and what it was given."""

from typing import NamedTuple

import msgspec

from portico_budgets.budget import Budget, PeriodBounds


class CounterKey(NamedTuple):
    """A counter: one budget in one period."""

    budget_id: str
    period_start: int


class Demand(msgspec.Struct, frozen=True):
    """What a call wants of one budget.

    `wanted`: what it is expected to use. `minimum`: what has to be left at least. If less than `wanted` is left, the call
    reserves all of it, so that no other call passes until it has ended. `key`: the counter.
    """

    key: CounterKey
    budget: Budget
    bounds: PeriodBounds
    wanted: int
    minimum: int


class Reservation(msgspec.Struct, frozen=True):
    """What a call was given. Shape of `amounts`: one for each demand, in their order; 0 = nothing is reserved."""

    demands: tuple[Demand, ...]
    amounts: tuple[int, ...]


class Refusal(msgspec.Struct, frozen=True):
    """A call was given nothing, because too little is left of the budget of this demand."""

    demand: Demand
