"""The routes of sessions: sign-in, the current session, sign-out, and the list of sessions of an account.

Sessions are ended with sessions only: an API key cannot end one.
"""

from typing import Annotated, TypeAlias

import msgspec
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.auth import SessionUser, SessionUserInfo
from portico.api.json import SchemaOf
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    post,
    sign_in_response,
)
from portico_accounts.components import AccountsPlugin
from portico_accounts.schemas import SignedOut, SignInPage, SignInRequest

#: The cookies that auth providers set; sign-out deletes them all.
SIGN_IN_COOKIES = ("token", "oui-session", "owui-session", "oauth_id_token", "oauth_session_id")

UserId = Annotated[str, PathParameter(description="Id of the account.")]
SessionId = Annotated[str, PathParameter(description="Id of the session, as in the list.")]
#: The undecoded body, which the auth provider reads. The schema is what clients send.
RawSignInForm: TypeAlias = Annotated[msgspec.Raw, SchemaOf(SignInRequest)]


class SignInRoutes(Controller):
    """`/api/v1/auths/…`: sign-in, the current session, sign-out."""

    plugin: AccountsPlugin

    @post("/api/v1/auths/signin", access="public", response_type=SessionUser)
    async def sign_in(self, request: Request, data: JSONBody[RawSignInForm]) -> JSONResponse:
        """Sign in. The token is in the response and in a cookie.

        The body is ignored where a trusted header names the user, and in single-user mode.
        """
        return sign_in_response(await self.plugin.identity.auth.sign_in(bytes(data), request.scope))

    @get("/api/v1/auths/", access="user", response_type=SessionUserInfo)
    async def get_session(self, request: Request) -> JSONResponse:
        """Return the signed-in user, the end of the session and the permissions. Sets the session cookie again."""
        identity = self.plugin.identity
        credential = identity.credential(request.scope)
        assert credential is not None  # access="user" guarantees a credential
        session = await identity.describe_session(request.user, credential.token)
        return sign_in_response(session)

    @get(
        "/api/v1/auths/signout",
        access="public",
        response_type=SignedOut,
        csrf_checked=True,
    )
    async def sign_out(self, request: Request) -> JSONResponse:
        """End the session, if there is one, and delete its cookies. `redirect_url`: the page to open next."""
        identity = self.plugin.identity
        next_url = identity.settings.signout_redirect_url or None
        credential = identity.credential(request.scope)
        if credential is not None:
            next_url = await identity.auth.sign_out(credential.token) or next_url
        cookies = [identity.cookies.delete(name).encode() for name in SIGN_IN_COOKIES]
        return json_response(
            SignedOut(redirect_url=next_url or msgspec.UNSET),
            headers=[(b"set-cookie", cookie) for cookie in cookies],
        )


class OwnSessionRoutes(Controller):
    """`/api/v1/auths/sessions`: the sessions of the caller."""

    plugin: AccountsPlugin

    @get("/api/v1/auths/sessions", session_only=True, response_type=SignInPage)
    async def list_own_sessions(self, request: Request, page: FromQuery[int] = 1) -> JSONResponse:
        """Return one page of the caller's sessions, newest first. The current one is marked."""
        sessions = self.plugin.identity.session_list
        found = await sessions.page(request.user.id, page, request.user.session_id)
        return json_response(SignInPage(*found))

    @delete("/api/v1/auths/sessions", session_only=True, response_type=bool)
    async def end_other_sessions(self, request: Request) -> JSONResponse:
        """End all sessions of the caller but the current one."""
        actor = request.user
        sessions = self.plugin.identity.session_list
        await sessions.end_all(actor.id, by=actor.id, keep=actor.session_id)
        return json_response(True)

    @delete("/api/v1/auths/sessions/{session_id:str}", session_only=True, response_type=bool)
    async def end_own_session(self, request: Request, session_id: SessionId) -> JSONResponse:
        """End one session of the caller."""
        sessions = self.plugin.identity.session_list
        await sessions.end(request.user.id, session_id, by=request.user.id)
        return json_response(True)


class AccountSessionRoutes(Controller):
    """`/api/v1/users/{user_id}/sessions`: the sessions of another account."""

    plugin: AccountsPlugin

    @get("/api/v1/users/{user_id:str}/sessions", requires="account:read", response_type=SignInPage)
    async def list_sessions(
        self, request: Request, user_id: UserId, page: FromQuery[int] = 1
    ) -> JSONResponse:
        """Return one page of the sessions of an account, newest first."""
        sessions = self.plugin.identity.session_list
        found = await sessions.page(user_id, page, request.user.session_id)
        return json_response(SignInPage(*found))

    @delete(
        "/api/v1/users/{user_id:str}/sessions",
        requires="account:write",
        session_only=True,
        response_type=bool,
    )
    async def end_sessions(self, request: Request, user_id: UserId) -> JSONResponse:
        """End all sessions of an account."""
        await self.plugin.identity.session_list.end_all(user_id, by=request.user.id)
        return json_response(True)

    @delete(
        "/api/v1/users/{user_id:str}/sessions/{session_id:str}",
        requires="account:write",
        session_only=True,
        response_type=bool,
    )
    async def end_session(
        self, request: Request, user_id: UserId, session_id: SessionId
    ) -> JSONResponse:
        """End one session of an account."""
        await self.plugin.identity.session_list.end(user_id, session_id, by=request.user.id)
        return json_response(True)
