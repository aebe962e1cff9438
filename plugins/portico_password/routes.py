"""The two doors."""

from typing import Any

from litestar.params import JSONBody

from portico.api import House, JSONBytes, SessionUser, Welcome, post
from portico_password.schemas import SignIn, SignUp
from portico_password.service import PasswordSignIn
from portico_password.settings import Settings

#: Bytes. A picture drawn by the client may come along with a sign-up.
SIGN_UP_BODY = 384 * 1024


def routes(house: House, settings: Settings) -> list[Any]:
    """Handlers that work in this house."""
    service = PasswordSignIn(house, settings)

    @post("/api/v1/auths/signin", access="public", answers=SessionUser)
    async def sign_in(data: JSONBody[SignIn]) -> JSONBytes:
        """Open a session; the token is in the answer and in a cookie."""
        return _answer(await service.sign_in(data))

    @post(
        "/api/v1/auths/signup",
        access="public",
        answers=SessionUser,
        max_body=SIGN_UP_BODY,
    )
    async def sign_up(data: JSONBody[SignUp]) -> JSONBytes:
        """Make an account and open its first session. The very first account is an administrator's."""
        return _answer(await service.sign_up(data))

    return [sign_in, sign_up]


def _answer(welcome: Welcome) -> JSONBytes:
    return JSONBytes(welcome.body, headers=((b"set-cookie", welcome.cookie),))
