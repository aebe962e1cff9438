"""The tables of budgets, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, DoublePrecision, Text
from piccolo.table import Table

from portico.api.db import Reference, TableSet


class BudgetTable(Table, tablename="budgets_budget"):
    """Budgets. `amount`: the limit; of money in millionths of the currency."""

    id = Text(primary_key=True, default="")
    subject_kind = Text()
    subject_id = Text()
    unit = Text()
    period = Text()
    amount = BigInt()
    created_at = BigInt()
    updated_at = BigInt()


class BudgetRevisionTable(Table, tablename="budgets_revision"):
    """One row, whose `revision` grows with every change of a budget."""

    id = BigInt(primary_key=True)
    revision = BigInt()


class BudgetCounterTable(Table, tablename="budgets_counter"):
    """What was used of a budget in a period, and what is reserved of it."""

    budget_id = Text(primary_key=True, default="")
    period_start = BigInt()
    used = BigInt()
    reserved = BigInt()
    kept_until = BigInt()


class BudgetPartTable(Table, tablename="budgets_part"):
    """The part of one process in a counter."""

    budget_id = Text(primary_key=True, default="")
    period_start = BigInt()
    instance_id = Text()
    reserved = BigInt()
    spare = BigInt()
    used = BigInt()
    expires_at = DoublePrecision()
    kept_until = BigInt()


TABLES = TableSet(
    tables=(BudgetTable, BudgetRevisionTable, BudgetCounterTable, BudgetPartTable),
    migrations="portico_budgets.migrations",
    revisions=(("budgets_revision", "revision"),),
    references=(
        Reference("budgets_budget", "subject_id", "portico_account", where="subject_kind = 'user'"),
        Reference("budgets_budget", "subject_id", "portico_group", where="subject_kind = 'group'"),
        # Both are written for a budget that may be deleted meanwhile, and expire by themselves.
        Reference("budgets_counter", "budget_id", "budgets_budget", repair="none"),
        Reference("budgets_part", "budget_id", "budgets_budget", repair="none"),
    ),
)
