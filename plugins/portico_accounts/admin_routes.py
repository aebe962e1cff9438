"""Adding, changing and deleting people. The policies say who may."""

from typing import Annotated, Any

from litestar import Response
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import JSONResponse, Request, delete, get, json_response, parse_query_flag, post
from portico_accounts.schemas import (
    AccountForm,
    CreatedAccountResponse,
    NewAccount,
    ProviderSessionResponse,
    User,
)
from portico_accounts.service import AccountService, created_response

UserId = Annotated[str, PathParameter(description="The account's id")]
#: Bytes. A picture may come along.
MAX_FORM_BYTES = 384 * 1024


def routes(people: AccountService) -> list[Any]:
    """Handlers that work in this house."""

    @post("/api/v1/auths/add", requires="account:create")
    async def add(request: Request, data: JSONBody[NewAccount]) -> Response[CreatedAccountResponse]:
        """Make an account for somebody."""
        return Response(created_response(await people.create(data, request.user)))

    @post(
        "/api/v1/users/{user_id:str}/update",
        requires="account:write",
        max_body=MAX_FORM_BYTES,
        response_type=User,
    )
    async def update(
        request: Request, user_id: UserId, data: JSONBody[AccountForm]
    ) -> JSONResponse:
        """Change an account. A lower role or another password ends its sessions."""
        return json_response(await people.update(request.user, user_id, data))

    @delete("/api/v1/users/{user_id:str}", requires="account:delete", response_type=bool)
    async def remove(
        request: Request, user_id: UserId, delete_content: FromQuery[str] = ""
    ) -> JSONResponse:
        """Delete an account. What others still use of it goes to the caller, with `delete_content` away."""
        everything = parse_query_flag("delete_content", delete_content)
        await people.delete(request.user, user_id, delete_content=everything)
        return json_response(True)

    @get(
        "/api/v1/users/{user_id:str}/oauth/sessions",
        requires="account:read",
        response_type=list[ProviderSessionResponse],
    )
    async def oauth_sessions(user_id: UserId) -> JSONResponse:
        """Sign-ins of somebody that came by other providers, newest first, without what those gave."""
        return json_response(await people.provider_sessions(user_id))

    return [add, update, remove, oauth_sessions]
