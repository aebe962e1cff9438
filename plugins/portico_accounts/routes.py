"""The routes: what arrives, who is asked, what goes back."""

from typing import Annotated, Any

from litestar import Response
from litestar.params import JSONBody, PathParameter

from portico.api import Forbidden, House, JSONBytes, Request, SessionUserInfo, get, post
from portico_accounts import service
from portico_accounts.schemas import (
    AddedAccount,
    GroupAnswer,
    NewAccount,
    NewGroup,
    NewMembers,
    SignedOut,
)

#: Every cookie that a way to sign in may have left behind.
COOKIES = ("token", "oui-session", "owui-session", "oauth_id_token", "oauth_session_id")
SIGNED_OUT = b'{"status":true}'


def routes(house: House) -> list[Any]:
    """Handlers that work in this house."""
    identity = house.identity
    dropped = [(b"set-cookie", identity.cookies.drop(name).encode()) for name in COOKIES]

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
        return JSONBytes(welcome.body, headers=((b"set-cookie", welcome.cookie),))

    @get(
        "/api/v1/auths/signout",
        access="public",
        answers=SignedOut,
    )
    async def sign_out(request: Request) -> JSONBytes:
        """End the session, if there is one, and delete its cookies."""
        credential = identity.credential(request.scope)
        if credential is not None:
            if credential.by_cookie and request.headers.get("sec-fetch-site") == "cross-site":
                # An image on another site could say this too; the person did not.
                raise Forbidden
            await identity.sessions.end(credential.token)
        return JSONBytes(SIGNED_OUT, headers=dropped)

    @post("/api/v1/auths/add", access="admin")
    async def add_account(data: JSONBody[NewAccount]) -> Response[AddedAccount]:
        """Make an account for somebody."""
        return Response(service.added(await service.add_account(house, data)))

    @post("/api/v1/groups/create", access="admin")
    async def create_group(request: Request, data: JSONBody[NewGroup]) -> Response[GroupAnswer]:
        """Make a group."""
        return Response(await service.create_group(house, request.user, data))

    @post("/api/v1/groups/id/{group_id:str}/users/add", access="admin")
    async def add_members(
        group_id: Annotated[str, PathParameter(description="The group's id")],
        data: JSONBody[NewMembers],
    ) -> Response[GroupAnswer]:
        """Let people into a group. Whoever is in it already stays; unknown ids are passed over."""
        return Response(await service.add_members(house, group_id, data.user_ids or []))

    return [who_am_i, sign_out, add_account, create_group, add_members]
