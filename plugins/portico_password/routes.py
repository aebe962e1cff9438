"""The door for newcomers. Whoever has an account comes in by the one that all ways share."""

from typing import Any

from litestar.params import JSONBody

from portico.api import JSONResponse, Request, SessionUser, json_response, post, sign_in_response
from portico_password.schemas import NewPassword, SignUp
from portico_password.service import PasswordSignIn

#: Bytes of a form.
CHANGE_BODY = 64 * 1024


def routes(service: PasswordSignIn) -> list[Any]:
    """Handlers that work in this house."""

    @post(
        "/api/v1/auths/signup",
        access="public",
        response_type=SessionUser,
    )
    async def sign_up(request: Request, data: JSONBody[SignUp]) -> JSONResponse:
        """Make an account and open its first session. The very first account is an administrator's."""
        return sign_in_response(await service.sign_up(data, request.scope))

    @post(
        "/api/v1/auths/update/password",
        access="user",
        session_only=True,
        max_body=CHANGE_BODY,
        response_type=bool,
    )
    async def change(request: Request, data: JSONBody[NewPassword]) -> JSONResponse:
        """Give the caller another password. Every other sign-in of theirs ends."""
        await service.change(request.user, data, request.scope)
        return json_response(True)

    return [sign_up, change]
