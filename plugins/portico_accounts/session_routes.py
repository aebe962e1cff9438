"""Sign-in, who am I, and sign-out."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar.params import JSONBody

from portico.api import (
    AppContext,
    JSONResponse,
    Request,
    SchemaOf,
    SessionUser,
    SessionUserInfo,
    get,
    json_response,
    post,
    sign_in_response,
)
from portico_accounts.schemas import SignedOut, SignInRequest

#: Every cookie that a way to sign in may have left behind.
COOKIES = ("token", "oui-session", "owui-session", "oauth_id_token", "oauth_session_id")

#: Bytes, which the way that takes them reads; clients send this.
RawSignInForm: TypeAlias = Annotated[msgspec.Raw, SchemaOf(SignInRequest)]


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    identity = app.identity
    dropped = [(b"set-cookie", identity.cookies.delete(name).encode()) for name in COOKIES]

    @post("/api/v1/auths/signin", access="public", response_type=SessionUser)
    async def sign_in(request: Request, data: JSONBody[RawSignInForm]) -> JSONResponse:
        """Open a session; the token is in the answer and in a cookie. Where a header says who it is, or everybody is let in,
        the body is passed over.
        """
        return sign_in_response(await identity.auth.sign_in(bytes(data), request.scope))

    @get(
        "/api/v1/auths/",
        access="user",
        response_type=SessionUserInfo,
    )
    async def who_am_i(request: Request) -> JSONResponse:
        """Who is signed in, until when, and what they may do. Sets the session cookie again."""
        credential = identity.credential(request.scope)
        assert credential is not None  # the door let nobody in without one
        welcome = await identity.describe_session(request.user, credential.token)
        return sign_in_response(welcome)

    @get(
        "/api/v1/auths/signout",
        access="public",
        response_type=SignedOut,
        csrf_checked=True,
    )
    async def sign_out(request: Request) -> JSONResponse:
        """End the session, if there is one, and delete its cookies. `redirect_url`: where to go next, if anywhere."""
        next_url = identity.settings.signout_redirect_url or None
        credential = identity.credential(request.scope)
        if credential is not None:
            next_url = await identity.auth.sign_out(credential.token) or next_url
        return json_response(SignedOut(redirect_url=next_url or msgspec.UNSET), headers=dropped)

    return [sign_in, who_am_i, sign_out]
