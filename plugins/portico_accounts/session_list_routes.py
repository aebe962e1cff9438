"""Where somebody is signed in, and signing out there. For themselves, and for whoever the policies let.

Signing out is for whoever signed in: a key ends no sign-in.
"""

from typing import Annotated, Any

from litestar.params import FromQuery, PathParameter

from portico.api import AppContext, JSONResponse, Request, delete, get, json_response
from portico_accounts.schemas import SignInPage

UserId = Annotated[str, PathParameter(description="The account's id")]
SessionId = Annotated[
    str, PathParameter(description="The id of a sign-in, as it stands in the list")
]


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    sign_ins = app.identity.session_list

    async def shown(account_id: str, page: int, current: str) -> JSONResponse:
        return json_response(SignInPage(*await sign_ins.page(account_id, page, current)))

    @get("/api/v1/auths/sessions", session_only=True, response_type=SignInPage)
    async def own(request: Request, page: FromQuery[int] = 1) -> JSONResponse:
        """A page of one's own sign-ins, newest first; the one this is asked with is marked."""
        return await shown(request.user.id, page, request.user.session_id)

    @delete("/api/v1/auths/sessions", session_only=True, response_type=bool)
    async def end_others(request: Request) -> JSONResponse:
        """Sign out everywhere else."""
        actor = request.user
        await sign_ins.end_all(actor.id, by=actor.id, keep=actor.session_id)
        return json_response(True)

    @delete("/api/v1/auths/sessions/{session_id:str}", session_only=True, response_type=bool)
    async def end_own(request: Request, session_id: SessionId) -> JSONResponse:
        """Sign out in one place."""
        await sign_ins.end(request.user.id, session_id, by=request.user.id)
        return json_response(True)

    @get("/api/v1/users/{user_id:str}/sessions", requires="account:read", response_type=SignInPage)
    async def of_somebody(
        request: Request, user_id: UserId, page: FromQuery[int] = 1
    ) -> JSONResponse:
        """A page of somebody's sign-ins, newest first."""
        return await shown(user_id, page, request.user.session_id)

    @delete(
        "/api/v1/users/{user_id:str}/sessions",
        requires="account:write",
        session_only=True,
        response_type=bool,
    )
    async def end_all(request: Request, user_id: UserId) -> JSONResponse:
        """Sign somebody out everywhere."""
        await sign_ins.end_all(user_id, by=request.user.id)
        return json_response(True)

    @delete(
        "/api/v1/users/{user_id:str}/sessions/{session_id:str}",
        requires="account:write",
        session_only=True,
        response_type=bool,
    )
    async def end_one(request: Request, user_id: UserId, session_id: SessionId) -> JSONResponse:
        """Sign somebody out in one place."""
        await sign_ins.end(user_id, session_id, by=request.user.id)
        return json_response(True)

    return [own, end_others, end_own, of_somebody, end_all, end_one]
