"""The routes of administrators: creating, changing and deleting accounts, and the runtime settings."""

from typing import Annotated

from litestar import Response
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_accounts.components import AccountsPlugin
from portico_accounts.schemas import (
    AccountForm,
    AdminConfig,
    AdminConfigAnswer,
    CreatedAccountResponse,
    NewAccount,
    ProviderSessionResponse,
    User,
)
from portico_accounts.service import created_response

UserId = Annotated[str, PathParameter(description="Id of the account.")]
#: The form may contain a picture.
MAX_FORM_BYTES = 384 * 1024


class AccountAdminRoutes(Controller):
    """`/api/v1/auths/add` and `/api/v1/users/{user_id}`: accounts of other users."""

    plugin: AccountsPlugin

    @post("/api/v1/auths/add", requires="account:create")
    async def create_account(
        self, request: Request, data: JSONBody[NewAccount]
    ) -> Response[CreatedAccountResponse]:
        """Create an account with a password."""
        return Response(created_response(await self.plugin.accounts.create(data, request.user)))

    @post(
        "/api/v1/users/{user_id:str}/update",
        requires="account:write",
        max_body=MAX_FORM_BYTES,
        response_type=User,
    )
    async def update_account(
        self, request: Request, user_id: UserId, data: JSONBody[AccountForm]
    ) -> JSONResponse:
        """Change an account. A lower role or another password ends its sessions."""
        return json_response(await self.plugin.accounts.update(request.user, user_id, data))

    @delete("/api/v1/users/{user_id:str}", requires="account:delete", response_type=bool)
    async def delete_account(
        self, request: Request, user_id: UserId, delete_content: FromQuery[str] = ""
    ) -> JSONResponse:
        """Delete an account. The caller becomes the owner of its shared content; `delete_content` deletes that too."""
        with_content = parse_query_flag("delete_content", delete_content)
        await self.plugin.accounts.delete(request.user, user_id, delete_content=with_content)
        return json_response(True)

    @get(
        "/api/v1/users/{user_id:str}/oauth/sessions",
        requires="account:read",
        response_type=list[ProviderSessionResponse],
    )
    async def list_provider_sessions(self, user_id: UserId) -> JSONResponse:
        """Return the sessions at OAuth providers of an account, newest first, without their tokens."""
        return json_response(await self.plugin.accounts.provider_sessions(user_id))


class AdminConfigRoutes(Controller):
    """`/api/v1/auths/admin/config`: the runtime settings in one form."""

    plugin: AccountsPlugin

    @get("/api/v1/auths/admin/config", requires="settings:read", response_type=AdminConfigAnswer)
    async def get_admin_config(self) -> JSONResponse:
        """Return the active runtime settings."""
        return json_response(await self.plugin.admin_config.current())

    @post(
        "/api/v1/auths/admin/config",
        requires="settings:write",
        session_only=True,
        response_type=AdminConfigAnswer,
    )
    async def update_admin_config(
        self, request: Request, data: JSONBody[AdminConfig]
    ) -> JSONResponse:
        """Change the runtime settings and return the active ones. They apply to this instance at once."""
        return json_response(await self.plugin.admin_config.update(request.user, data))
