"""Sign-in, who am I, and sign-out."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar.params import JSONBody

from portico.api import (
    DescribedAs,
    House,
    JSONBytes,
    Request,
    SessionUser,
    SessionUserInfo,
    get,
    json_reply,
    post,
    welcome_reply,
)
from portico_accounts.schemas import Credentials, SignedOut

#: Every cookie that a way to sign in may have left behind.
COOKIES = ("token", "oui-session", "owui-session", "oauth_id_token", "oauth_session_id")

#: Bytes, which the way that takes them reads; clients send this.
Form: TypeAlias = Annotated[msgspec.Raw, DescribedAs(Credentials)]


def routes(house: House) -> list[Any]:
    """Handlers that work in this house."""
    identity = house.identity
    dropped = [(b"set-cookie", identity.cookies.drop(name).encode()) for name in COOKIES]

    @post("/api/v1/auths/signin", access="public", answers=SessionUser)
    async def sign_in(request: Request, data: JSONBody[Form]) -> JSONBytes:
        """Open a session; the token is in the answer and in a cookie. Where a header says who it is, or everybody is let in,
        the body is passed over.
        """
        return welcome_reply(await identity.at_the_door(bytes(data), request.scope))

    @get(
        "/api/v1/auths/",
        access="user",
        answers=SessionUserInfo,
    )
    async def who_am_i(request: Request) -> JSONBytes:
        """Who is signed in, until when, and what they may do. Sets the session cookie again."""
        credential = identity.credential(request.scope)
        assert credential is not None  # the door let nobody in without one
        welcome = await identity.reception.recall(request.user, credential.token)
        return welcome_reply(welcome)

    @get(
        "/api/v1/auths/signout",
        access="public",
        answers=SignedOut,
        changes=True,
    )
    async def sign_out(request: Request) -> JSONBytes:
        """End the session, if there is one, and delete its cookies. `redirect_url`: where to go next, if anywhere."""
        next_url = identity.settings.signout_redirect_url or None
        credential = identity.credential(request.scope)
        if credential is not None:
            next_url = await identity.leave(credential.token) or next_url
        return json_reply(SignedOut(redirect_url=next_url or msgspec.UNSET), headers=dropped)

    return [sign_in, who_am_i, sign_out]
