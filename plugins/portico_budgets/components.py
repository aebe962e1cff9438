"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_budgets.budget_filter import BudgetFilter
from portico_budgets.budget_list import BudgetList
from portico_budgets.counters import BudgetCounters
from portico_budgets.service import BudgetService
from portico_budgets.settings import BudgetsSettings
from portico_budgets.subjects import Subjects


@dataclass(frozen=True, slots=True)
class BudgetsPlugin:
    """The objects of this plugin."""

    service: BudgetService
    subjects: Subjects
    counters: BudgetCounters
    filter: BudgetFilter


def build(app: AppContext, settings: BudgetsSettings) -> BudgetsPlugin:
    """Build the objects of one application. Opens nothing."""
    budgets, subjects = BudgetList(app), Subjects(app)
    counters = BudgetCounters(app.instance_channel.instance_id, settings.reservation_seconds)
    return BudgetsPlugin(
        service=BudgetService(app, budgets, subjects),
        subjects=subjects,
        counters=counters,
        filter=BudgetFilter(app, settings, budgets, counters, subjects),
    )
