"""The door for people of the directory, and where administrators say which directory that is."""

from typing import Any

from litestar.params import JSONBody

from portico.api import (
    AppContext,
    JSONResponse,
    Request,
    SessionUser,
    client_address,
    get,
    json_response,
    post,
    sign_in_response,
)
from portico_ldap.provider import SignInAttempt
from portico_ldap.runtime_config import LdapConfig
from portico_ldap.schemas import LdapForm, LdapServer, LdapState, LdapSwitch


def routes(app: AppContext, configured: LdapConfig) -> list[Any]:
    """Handlers that work in this house."""
    identity = app.identity

    @post("/api/v1/auths/ldap", access="public", response_type=SessionUser)
    async def sign_in(request: Request, data: JSONBody[LdapForm]) -> JSONResponse:
        """Open a session for somebody whom the directory knows by this name and password."""
        attempt = SignInAttempt(data, client_address(request.scope))
        return sign_in_response(
            await identity.auth.sign_in_with(
                identity.auth.providers["ldap"], attempt, request.scope
            )
        )

    @get("/api/v1/auths/admin/config/ldap", requires="ldap:read", response_type=LdapState)
    async def state() -> JSONResponse:
        """Whether people sign in by the directory."""
        return json_response(await configured.state())

    @post(
        "/api/v1/auths/admin/config/ldap",
        requires="ldap:write",
        session_only=True,
        response_type=LdapState,
    )
    async def set_enabled(request: Request, data: JSONBody[LdapSwitch]) -> JSONResponse:
        """Let people sign in by the directory, or not any more. Refused where the operator has set it."""
        on = bool(data.enable_ldap)
        return json_response(await configured.set_enabled(on, request.user.id))

    @get("/api/v1/auths/admin/config/ldap/server", requires="ldap:read", response_type=LdapServer)
    async def describe() -> JSONResponse:
        """The directory. Its password is not told."""
        return json_response(await configured.describe())

    @post(
        "/api/v1/auths/admin/config/ldap/server",
        requires="ldap:write",
        session_only=True,
        response_type=LdapServer,
    )
    async def update(request: Request, data: JSONBody[LdapServer]) -> JSONResponse:
        """Speak to this directory from now on. `********` keeps the password, unless it would be told to somebody else."""
        return json_response(await configured.update(data, request.user.id))

    return [sign_in, state, set_enabled, describe, update]
