"""The routes of budgets. What they do is in `service.py`."""

from typing import Annotated

from litestar.params import JSONBody, PathParameter

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    patch,
    post,
)
from portico_budgets.components import BudgetsPlugin
from portico_budgets.schemas import BudgetChanges, BudgetView, NewBudget

BUDGETS_PATH = "/api/v1/budgets"
BUDGET_PATH = f"{BUDGETS_PATH}/{{budget_id:str}}"
BudgetId = Annotated[str, PathParameter(description="Id of the budget.")]


class BudgetRoutes(Controller):
    """`/api/v1/budgets`: limits for the calls of models."""

    plugin: BudgetsPlugin

    @get(BUDGETS_PATH, response_type=list[BudgetView])
    async def list_budgets(self, request: Request) -> JSONResponse:
        """Return all budgets that the caller may read, oldest first."""
        return json_response(await self.plugin.service.list_all(request.user))

    @get(f"{BUDGETS_PATH}/me", response_type=list[BudgetView])
    async def list_own_budgets(self, request: Request) -> JSONResponse:
        """Return the budgets that limit the caller, with what was used of them.

        `used` and `reserved` are those of all whom a budget limits, such as all members of a group.
        """
        return json_response(await self.plugin.service.applying_to(request.user))

    @post(BUDGETS_PATH, response_type=BudgetView)
    async def create_budget(self, request: Request, data: JSONBody[NewBudget]) -> JSONResponse:
        """Set a budget. 400 for an unknown subject, and for one that has a budget of this unit and period."""
        return json_response(await self.plugin.service.create(request.user, data))

    @patch(BUDGET_PATH, response_type=BudgetView)
    async def change_budget(
        self, request: Request, budget_id: BudgetId, data: JSONBody[BudgetChanges]
    ) -> JSONResponse:
        """Set another limit. What was used stays."""
        return json_response(await self.plugin.service.change(request.user, budget_id, data))

    @delete(BUDGET_PATH, response_type=bool)
    async def delete_budget(self, request: Request, budget_id: BudgetId) -> JSONResponse:
        """Delete a budget and what was counted for it."""
        await self.plugin.service.remove(request.user, budget_id)
        return json_response(True)
