"""The routes of the law. What they do is in `asking.py` and `changing.py`."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api import (
    MAX_POLICY_FILE_BYTES,
    AccessExplanation,
    AppContext,
    JSONResponse,
    PolicyVersion,
    Request,
    delete,
    get,
    json_response,
    post,
    put,
)
from portico_policy_admin import policy_changes, policy_queries
from portico_policy_admin.schemas import (
    AccountsPage,
    ActivePolicies,
    PageText,
    PolicyFilesDraft,
    PolicyVersionsPage,
    PreviewResult,
    RollbackRequest,
    SavedVersion,
)

ThingId = Annotated[
    str, QueryParameter(name="id", description="One thing; empty = the kind in general")
]
PageName = Annotated[str, PathParameter(description="The page's name, such as `auditors.csv`")]
#: JSON may write a character in six.
MOST_OF_A_PAGE = 6 * MAX_POLICY_FILE_BYTES
MOST_OF_A_DRAFT = 8 * 1024 * 1024


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""

    @get("/api/v1/policies", requires="policy:read", response_type=ActivePolicies)
    async def show() -> JSONResponse:
        """Every page of the law in force, where it comes from, and why the latest ones are not in force if so."""
        return json_response(await policy_queries.active_policies(app))

    @get("/api/v1/policies/explain", requires="policy:read", response_type=AccessExplanation)
    async def explain(
        user: FromQuery[str], action: FromQuery[str], kind: FromQuery[str], thing: ThingId = ""
    ) -> JSONResponse:
        """Whether and why somebody may do something. `user`: an id or an e-mail address."""
        return json_response(await policy_queries.explain(app, user, action, kind, thing))

    @get("/api/v1/policies/who", requires="policy:read", response_type=AccountsPage)
    async def who(
        action: FromQuery[str],
        kind: FromQuery[str],
        thing: ThingId = "",
        page: FromQuery[int] = 1,
    ) -> JSONResponse:
        """Who may do something, and the lines that let them; 100 people a page."""
        return json_response(
            await policy_queries.allowed_accounts(app, action, kind, thing, max(page, 1))
        )

    @post(
        "/api/v1/policies/what-if",
        requires="policy:read",
        read_only=True,
        response_type=PreviewResult,
        max_body=MOST_OF_A_DRAFT,
    )
    async def what_if(data: JSONBody[PolicyFilesDraft]) -> JSONResponse:
        """Who would gain or lose what if these pages were saved. Nothing is saved.

        400 if they are no good law: each line of `detail` is a fault, and begins with the page and the line.
        """
        return json_response(await policy_changes.preview(app, data.pages))

    @put(
        "/api/v1/policies/pages/{name:str}",
        requires="policy:write",
        response_type=SavedVersion,
        max_body=MOST_OF_A_PAGE,
    )
    async def save(request: Request, name: PageName, data: JSONBody[PageText]) -> JSONResponse:
        """Save a page. It replaces the one of the same name, and is in force from the next request on.

        400 if it is no good law, as for `what-if`; then nothing has changed.
        """
        return _saved(await policy_changes.save(app, name, data.text, request.user.id))

    @delete(
        "/api/v1/policies/pages/{name:str}", requires="policy:write", response_type=SavedVersion
    )
    async def take_back(request: Request, name: PageName) -> JSONResponse:
        """Take a saved page back. What it replaced is in force again."""
        return _saved(await policy_changes.save(app, name, None, request.user.id))

    @get("/api/v1/policies/versions", requires="policy:read", response_type=PolicyVersionsPage)
    async def versions(before: FromQuery[int | None] = None) -> JSONResponse:
        """What was saved and when, 20 versions at a time, newest first."""
        return json_response(await policy_changes.versions(app, before))

    @get(
        "/api/v1/policies/versions/{number:int}",
        requires="policy:read",
        response_type=PolicyVersion,
    )
    async def version(
        number: Annotated[int, PathParameter(description="The version's number")],
    ) -> JSONResponse:
        """One version with the texts of its pages."""
        return json_response(await app.policies.version(number))

    @post("/api/v1/policies/rollback", requires="policy:write", response_type=SavedVersion)
    async def roll_back(request: Request, data: JSONBody[RollbackRequest]) -> JSONResponse:
        """Make the pages of an earlier version count; 0 = as if nothing had been saved. This is a new version."""
        return _saved(await policy_changes.roll_back(app, data.version, request.user.id))

    return [show, explain, who, what_if, save, take_back, versions, version, roll_back]


def _saved(number: int) -> JSONResponse:
    return json_response(SavedVersion(version=number))
