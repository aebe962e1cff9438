"""The routes of sign-up and of changing a password. Sign-in is `POST /api/v1/auths/signin`, for all auth providers."""

from litestar.params import JSONBody

from portico.api.auth import SessionUser
from portico.api.web import Controller, JSONResponse, Request, json_response, post, sign_in_response
from portico_password.schemas import NewPassword, SignUp
from portico_password.service import PasswordSignIn

MAX_FORM_BYTES = 64 * 1024


class PasswordRoutes(Controller):
    """`/api/v1/auths/signup` and `/api/v1/auths/update/password`."""

    plugin: PasswordSignIn

    @post("/api/v1/auths/signup", access="public", response_type=SessionUser)
    async def sign_up(self, request: Request, data: JSONBody[SignUp]) -> JSONResponse:
        """Create an account and open its first session. The first account is an administrator's."""
        return sign_in_response(await self.plugin.sign_up(data, request.scope))

    @post(
        "/api/v1/auths/update/password",
        access="user",
        session_only=True,
        max_body=MAX_FORM_BYTES,
        response_type=bool,
    )
    async def change_password(self, request: Request, data: JSONBody[NewPassword]) -> JSONResponse:
        """Change the password of the caller. All other sessions of the caller end."""
        await self.plugin.change(request.user, data, request.scope)
        return json_response(True)
