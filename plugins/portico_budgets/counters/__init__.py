"""Counters: what calls reserve of budgets and what they have used, in the database, for all processes together."""

from portico_budgets.counters.budget_counters import BudgetCounters
from portico_budgets.counters.demand import CounterKey, Demand, Refusal, Reservation
from portico_budgets.counters.statements import read_counters

__all__ = ["BudgetCounters", "CounterKey", "Demand", "Refusal", "Reservation", "read_counters"]
