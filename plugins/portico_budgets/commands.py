"""`portico budget …`: list, set and remove budgets."""

import click

from portico.api import AppContext, CommandContext
from portico.api.cli import json_option, not_found, print_json, printable
from portico_budgets.budget import PERIODS, UNITS, Period, Unit
from portico_budgets.exceeded import iso_time
from portico_budgets.schemas import BudgetView, NewBudget
from portico_budgets.service import BudgetService


@click.group()
def budget() -> None:
    """List, set and remove limits for the calls of models."""


@budget.command("list")
@json_option
@click.pass_obj
def list_budgets(context: CommandContext, as_json: bool) -> None:
    """List all budgets, with what was used in the present period."""
    service: BudgetService = context.plugin.service
    found = context.run(lambda _: service.list_all())
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There are no budgets.", err=True)
    for one in found:
        click.echo(_line(one))


@budget.command("set")
@click.argument("subject")
@click.argument("limit", type=click.FloatRange(0, 1e12, min_open=True))
@click.argument("unit", type=click.Choice(UNITS))
@click.argument("period", type=click.Choice(PERIODS), required=False)
@json_option
@click.pass_obj
def set_budget(
    context: CommandContext,
    /,
    *,
    subject: str,
    limit: float,
    unit: Unit,
    period: Period | None,
    as_json: bool,
) -> None:
    """Set a budget, or another limit of one.

    SUBJECT is user:ID, group:ID, key:ID, model:ID or everyone; an e-mail address may stand for the id of a user. PERIOD
    is needed for all units but concurrency.

    For example: portico budget set user:ada@example.org 100000 tokens day
    """
    service: BudgetService = context.plugin.service
    if period is None and unit != "concurrency":
        raise click.UsageError(f"Add the period of the limit: {', '.join(PERIODS)}.")

    async def work(app: AppContext) -> BudgetView:
        form = NewBudget(
            subject=await _with_id(app, subject), unit=unit, period=period, limit=limit
        )
        return await service.create_or_change(form)

    found = context.run(work)
    if as_json:
        print_json(found)
    else:
        click.echo(_line(found))


@budget.command()
@click.argument("budget_id", metavar="ID")
@click.pass_obj
def remove(context: CommandContext, budget_id: str) -> None:
    """Remove a budget. ID is that of `portico budget list`."""
    service: BudgetService = context.plugin.service

    with not_found("There is no such budget. `portico budget list` lists all budgets."):
        context.run(lambda _: service.remove(None, budget_id))
    click.echo("Removed.", err=True)


async def _with_id(app: AppContext, subject: str) -> str:
    """Return a subject with the id of the account whose e-mail address it names."""
    kind, _, name = subject.partition(":")
    if kind != "user" or "@" not in name:
        return subject
    return f"user:{(await app.identity.accounts.require_by_email(name)).id}"


def _line(view: BudgetView) -> str:
    period = f" per {view.period}" if view.period else ""
    unit = view.currency or view.unit
    resets = f", resets at {iso_time(view.resets_at)}" if view.resets_at else ""
    return printable(
        f"{view.id}  {view.subject}  {view.limit} {unit}{period}"
        f"  used {view.used}, reserved {view.reserved}{resets}"
    )
