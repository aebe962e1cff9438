"""The filter that counts all calls of models against the budgets."""

from collections.abc import Sequence

import msgspec

from portico.api import AppContext, Unavailable
from portico.api.db import now
from portico.api.interfaces import ModelPrice, Prices
from portico.api.models import CallResult, GatewayCall, ModelFilter
from portico_budgets.budget import Budget, Subject, Unit, period_at
from portico_budgets.budget_list import BudgetList, BudgetSet
from portico_budgets.counters import BudgetCounters, CounterKey, Demand, Refusal, Reservation
from portico_budgets.estimate import Estimate, estimate
from portico_budgets.exceeded import BudgetExceeded
from portico_budgets.settings import BudgetsSettings
from portico_budgets.subjects import Subjects

NAME = "budgets"
#: Seconds that a call may wait for the list of budgets and for its reservation, which have limits of their own.
TIME_LIMIT = 20.0


class BudgetedCall(msgspec.Struct, frozen=True):
    """What the filter keeps for a call until it ends. `price`: of the model when the call began."""

    reservation: Reservation
    price: ModelPrice | None


class BudgetFilter:
    """Reserves what a call may use of all budgets that apply to it, and settles it when the call has ended."""

    def __init__(
        self,
        app: AppContext,
        settings: BudgetsSettings,
        budgets: BudgetList,
        counters: BudgetCounters,
        subjects: Subjects,
    ) -> None:
        self._app, self._settings = app, settings
        self._budgets, self._counters, self._subjects = budgets, counters, subjects

    def model_filter(self) -> ModelFilter:
        """Return the filter as the gateway takes it. It is the first, so that no other works for a refused call."""
        return ModelFilter(
            name=NAME, order=-1000, inlet=self.inlet, ended=self.ended, time_limit=TIME_LIMIT
        )

    async def inlet(self, call: GatewayCall) -> None:
        """Reserve. Raises: BudgetExceeded; Unavailable if the database cannot be asked and calls may not go on then."""
        try:
            budgets = await self._budgets.current()
        except Unavailable:
            known = self._budgets.last_known
            if (known is None or known) and not self._settings.allow_when_unavailable:
                raise
            budgets = known or BudgetSet(())
        if not budgets:
            return
        applying = await self._applying(budgets, call)
        if (
            call.target.is_direct
        ):  # its tokens are what the client says, and others share the budgets
            applying = [one for one in applying if one.unit in ("requests", "concurrency")]
        price = await self._price(call) if any(one.unit == "money" for one in applying) else None
        if price is None:  # what has no price costs nothing
            applying = [one for one in applying if one.unit != "money"]
        if not applying:
            return
        at = now()
        expected = estimate(call.request, self._settings.default_output_tokens)
        demands = tuple(_demand(one, at, expected, price) for one in applying)
        try:
            found = await self._counters.reserve(demands)
        except Unavailable:
            if not self._settings.allow_when_unavailable:
                raise
            found = self._counters.enter(demands)
        if isinstance(found, Refusal):
            raise BudgetExceeded(found.demand.budget, found.demand.bounds, at)
        call.state[NAME] = BudgetedCall(found, price)

    def ended(self, call: GatewayCall, result: CallResult) -> None:
        """Settle, if anything was reserved."""
        kept = call.state.pop(NAME, None)
        if kept is not None:
            used = [
                _used(demand.budget.unit, call, result, kept.price)
                for demand in kept.reservation.demands
            ]
            self._counters.settle(kept.reservation, used)

    async def _applying(self, budgets: BudgetSet, call: GatewayCall) -> Sequence[Budget]:
        subjects = await self._subjects.of_actor(
            call.request.actor, with_groups=budgets.has("group")
        )
        if budgets.has("model") and not call.target.is_direct:
            target = call.target
            names = dict.fromkeys((target.arena_id, target.id, target.model))
            subjects += [Subject("model", one) for one in names if one]
        return budgets.of(subjects)

    async def _price(self, call: GatewayCall) -> ModelPrice | None:
        prices = self._app.services.get(Prices)
        return await prices.price(call.target) if prices else None


def _demand(budget: Budget, at: int, expected: Estimate, price: ModelPrice | None) -> Demand:
    bounds = period_at(budget.period, at)
    match budget.unit:
        case "tokens":
            wanted = expected.input_tokens + expected.output_tokens
            least = max(1, expected.least_usage.output_tokens)
        case "money":
            assert price is not None
            wanted, least = price.cost(expected.usage), max(1, price.cost(expected.least_usage))
        case _:
            wanted = least = 1
    key = CounterKey(budget.id, bounds.start)
    return Demand(key, budget, bounds, max(wanted, least), least)


def _used(unit: Unit, call: GatewayCall, result: CallResult, price: ModelPrice | None) -> int:
    """Return what a call has used. A call that failed costs nothing, unless its source has reported a usage."""
    usage = result.usage
    tokens = usage.input_tokens + usage.output_tokens
    is_free = result.outcome == "refused" or (
        result.outcome == "failed" and (usage.is_estimated or not tokens)
    )
    is_free = is_free or (result.outcome == "cancelled" and not call.source)
    if is_free:
        return 0
    match unit:
        case "tokens":
            return tokens
        case "money":
            return price.cost(usage) if price else 0
        case "requests":
            return 1
        case "concurrency":
            return 0
