"""The door for people of the directory, and where administrators say which directory that is."""

from typing import Any

from litestar.params import JSONBody

from portico.api import (
    House,
    JSONBytes,
    Request,
    SessionUser,
    client_address,
    get,
    json_reply,
    post,
    welcome_reply,
)
from portico_ldap.configured import Configured
from portico_ldap.provider import Try
from portico_ldap.schemas import LdapForm, LdapServer, LdapState, LdapSwitch


def routes(house: House, configured: Configured) -> list[Any]:
    """Handlers that work in this house."""
    identity = house.identity

    @post("/api/v1/auths/ldap", access="public", answers=SessionUser)
    async def sign_in(request: Request, data: JSONBody[LdapForm]) -> JSONBytes:
        """Open a session for somebody whom the directory knows by this name and password."""
        attempt = Try(data, client_address(request.scope))
        return welcome_reply(await identity.enter(identity.ways["ldap"], attempt, request.scope))

    @get("/api/v1/auths/admin/config/ldap", may="ldap:read", answers=LdapState)
    async def state() -> JSONBytes:
        """Whether people sign in by the directory."""
        return json_reply(await configured.state())

    @post("/api/v1/auths/admin/config/ldap", may="ldap:write", signed_in=True, answers=LdapState)
    async def switch(request: Request, data: JSONBody[LdapSwitch]) -> JSONBytes:
        """Let people sign in by the directory, or not any more. Refused where the operator has set it."""
        on = bool(data.enable_ldap)
        return json_reply(await configured.switch(on, request.user.id))

    @get("/api/v1/auths/admin/config/ldap/server", may="ldap:read", answers=LdapServer)
    async def shown() -> JSONBytes:
        """The directory. Its password is not told."""
        return json_reply(await configured.shown())

    @post(
        "/api/v1/auths/admin/config/ldap/server",
        may="ldap:write",
        signed_in=True,
        answers=LdapServer,
    )
    async def change(request: Request, data: JSONBody[LdapServer]) -> JSONBytes:
        """Speak to this directory from now on. `********` keeps the password, unless it would be told to somebody else."""
        return json_reply(await configured.change(data, request.user.id))

    return [sign_in, state, switch, shown, change]
