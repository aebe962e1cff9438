"""Budgets as administrators and users see them: list, set, change, remove."""

from collections.abc import Sequence

import msgspec

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import Actor
from portico.api.db import after_commit, new_id, now, transaction
from portico.api.interfaces import MICROS_PER_UNIT, ApiKeyLookup, Prices
from portico.api.json import field_error
from portico.api.policy import Resource
from portico_budgets import store
from portico_budgets.budget import (
    Budget,
    Subject,
    Unit,
    parse_subject,
    period_at,
    shown_amount,
)
from portico_budgets.budget_list import BudgetList
from portico_budgets.counters import CounterKey, read_counters
from portico_budgets.schemas import BudgetChanges, BudgetView, NewBudget, audit_view
from portico_budgets.subjects import Subjects

KIND = "budget"


class BudgetService:
    """What routes and commands do with budgets. `actor` None: the command line, which may do everything."""

    def __init__(self, app: AppContext, budgets: BudgetList, subjects: Subjects) -> None:
        self._app, self._budgets, self._subjects = app, budgets, subjects

    async def list_all(self, actor: Actor | None = None) -> list[BudgetView]:
        """Return the budgets that the actor may read, oldest first. Raises: Forbidden if the policies allow none."""
        budgets = await store.all_budgets()
        if actor is not None:
            reads_all = await self._app.permissions.allows_on_collection(actor, KIND, "read")
            if not reads_all:
                allowed = await self._allowed(actor, "read", [one.subject for one in budgets])
                budgets = [one for one in budgets if one.subject in allowed]
                if not budgets:
                    raise Forbidden
        return await self._views(budgets)

    async def applying_to(self, actor: Actor) -> list[BudgetView]:
        """Return the budgets that limit the actor: also those of all their API keys, and of models they may use."""
        budgets = await self._budgets.current()
        if not budgets:
            return []
        subjects = await self._subjects.of_actor(actor)
        if budgets.has("key"):
            subjects += await self._subjects.keys_of(actor.id)
        models = [one for one in budgets.subjects if one.kind == "model"]
        subjects += await self._subjects.usable_models(actor, models)
        return await self._views(budgets.of(dict.fromkeys(subjects)))

    async def create(self, actor: Actor | None, form: NewBudget) -> BudgetView:
        """Set a new budget. Raises: Forbidden; InvalidRequest for an unknown subject, or one that has such a budget."""
        async with transaction():
            budget = await self._new_budget(actor, form)
            if await store.find_same(budget) is not None:
                raise InvalidRequest(
                    f"{budget.subject} has a budget of {budget.unit} for this period. Change its limit instead."
                )
            await self._insert(budget)
        return await self._view(budget)

    async def create_or_change(self, form: NewBudget) -> BudgetView:
        """Set a budget, or the limit of one with the same subject, unit and period. Raises: InvalidRequest."""
        async with transaction():
            budget = await self._new_budget(None, form)
            existing = await store.find_same(budget)
            if existing is None:
                await self._insert(budget)
            else:
                budget = await self._update(existing, budget.amount)
        return await self._view(budget)

    async def change(self, actor: Actor | None, budget_id: str, form: BudgetChanges) -> BudgetView:
        """Set another limit. Raises: NotFound, Forbidden; InvalidRequest if anything else is to change."""
        async with transaction():
            await store.count_up()
            budget = await self._required(actor, budget_id)
            for name in ("subject", "unit", "period"):
                value, stored = getattr(form, name), getattr(budget, name)
                if value is not None and stored is not None and value != str(stored):
                    raise InvalidRequest(
                        f"The {name} of a budget cannot be changed. Delete it and set another one."
                    )
            budget = await self._update(budget, _amount(budget.unit, form.limit))
        return await self._view(budget)

    async def remove(self, actor: Actor | None, budget_id: str) -> None:
        """Delete a budget. Raises: NotFound, Forbidden."""
        async with transaction():
            await store.count_up()
            await self._delete([await self._required(actor, budget_id)])

    async def remove_subjects(self, subjects: Sequence[Subject]) -> None:
        """Delete the budgets of subjects that are being deleted, in the deleting transaction."""
        await store.count_up()
        budgets = [one for subject in subjects for one in await store.of_subject(subject)]
        if budgets:
            await self._delete(budgets)

    async def account_deleting(self, account_id: str) -> None:
        """Delete the budgets of an account and of its API keys."""
        keys = await self._subjects.keys_of(account_id)
        await self.remove_subjects([Subject("user", account_id), *keys])

    async def key_revoked(self, key_id: str) -> None:
        """Delete the budgets of an API key if it was deleted."""
        subject, keys = Subject("key", key_id), self._app.services.get(ApiKeyLookup)
        if await store.of_subject(subject) and keys and await keys.owner_of(key_id) is None:
            async with transaction():
                await self.remove_subjects([subject])

    # -- changes --------------------------------------------------------------------------------------------

    async def _new_budget(self, actor: Actor | None, form: NewBudget) -> Budget:
        """Return a budget that may be inserted. Needs an open transaction."""
        if form.period is None and form.unit != "concurrency":
            raise field_error("period", "missing", "minute, day or month")
        amount = _amount(form.unit, form.limit)
        await store.count_up()
        if actor is not None and not await self._writes_all(actor):
            await self._check_manager(actor, form.subject)
        subject = await self._subjects.existing(form.subject)
        if form.unit == "money":
            await self._check_price(subject)
        at = now()
        return Budget(
            id=new_id(),
            subject=subject,
            unit=form.unit,
            period=None if form.unit == "concurrency" else form.period,
            amount=amount,
            created_at=at,
            updated_at=at,
        )

    async def _insert(self, budget: Budget) -> None:
        await store.insert(budget)
        await record_change("budget.created", KIND, budget.id, None, audit_view(budget))
        after_commit(self._budgets.changed)

    async def _update(self, budget: Budget, amount: int) -> Budget:
        changed = msgspec.structs.replace(budget, amount=amount, updated_at=now())
        await store.update(budget.id, amount)
        await record_change(
            "budget.changed", KIND, budget.id, audit_view(budget), audit_view(changed)
        )
        after_commit(self._budgets.changed)
        return changed

    async def _delete(self, budgets: Sequence[Budget]) -> None:
        await store.delete([one.id for one in budgets])
        for budget in budgets:
            await record_change("budget.deleted", KIND, budget.id, audit_view(budget))
        after_commit(self._budgets.changed)

    async def _check_price(self, subject: Subject) -> None:
        """Raises: InvalidRequest if nothing has a price, or this model has none."""
        prices = self._app.services.get(Prices)
        if prices is None:
            raise InvalidRequest("No model has a price, so there can be no budget of money.")
        if subject.kind != "model":
            return
        target = await self._app.catalogue.find_for_operator(subject.id)
        if target is None or await prices.price(target) is None:
            raise InvalidRequest(
                f"The model {subject.id} has no price. Set its price before a budget of money."
            )

    # -- access ---------------------------------------------------------------------------------------------

    async def _allowed(
        self, actor: Actor | None, action: str, subjects: Sequence[Subject]
    ) -> set[Subject]:
        """Return those of these subjects whose manager the actor is, if managers may do this."""
        if actor is None:
            return set(subjects)
        managers = await self._subjects.managers(subjects)
        allows = self._app.permissions.allows
        own = [subject for subject, manager in managers.items() if manager == actor.id]
        return {one for one in own if await allows(actor, action, Resource(KIND, "", actor.id))}

    async def _check_manager(self, actor: Actor, text: str) -> None:
        """Raises: Forbidden, as for a subject that does not exist."""
        subject = parse_subject(text)
        if subject is None or not await self._allowed(actor, "write", [subject]):
            raise Forbidden

    async def _required(self, actor: Actor | None, budget_id: str) -> Budget:
        """Return a budget that the actor may write. Raises: Forbidden, also where there is none; NotFound."""
        budget = await store.find(budget_id)
        subjects = [budget.subject] if budget else []
        writes_all = actor is None or await self._writes_all(actor)
        if not (writes_all or await self._allowed(actor, "write", subjects)):
            raise Forbidden
        if budget is None:
            raise NotFound
        return budget

    async def _writes_all(self, actor: Actor) -> bool:
        return await self._app.permissions.allows_on_collection(actor, KIND, "write")

    # -- views ----------------------------------------------------------------------------------------------

    async def _view(self, budget: Budget) -> BudgetView:
        return (await self._views([budget]))[0]

    async def _views(self, budgets: Sequence[Budget]) -> list[BudgetView]:
        at = now()
        bounds = [period_at(one.period, at) for one in budgets]
        keys = [CounterKey(one.id, of.start) for one, of in zip(budgets, bounds, strict=True)]
        amounts = await read_counters(keys)
        currency = await self._currency() if any(one.unit == "money" for one in budgets) else None
        views = []
        for budget, of, key in zip(budgets, bounds, keys, strict=True):
            used, reserved = amounts.get(key, (0, 0))
            views.append(
                BudgetView(
                    id=budget.id,
                    subject=str(budget.subject),
                    unit=budget.unit,
                    period=budget.period,
                    limit=budget.limit,
                    used=shown_amount(budget.unit, used),
                    reserved=shown_amount(budget.unit, reserved),
                    resets_at=of.end,
                    currency=currency if budget.unit == "money" else None,
                    created_at=budget.created_at,
                    updated_at=budget.updated_at,
                )
            )
        return views

    async def _currency(self) -> str | None:
        prices = self._app.services.get(Prices)
        return await prices.currency() if prices else None


def _amount(unit: Unit, limit: float) -> int:
    """Return a limit as it is stored. Raises: ValidationError for a fraction of what can only be whole."""
    if unit == "money":
        return max(1, round(limit * MICROS_PER_UNIT))
    if limit != int(limit):
        raise field_error("limit", "int_from_float", "Expected a whole number")
    return int(limit)
