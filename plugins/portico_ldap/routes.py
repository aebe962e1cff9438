"""The routes of sign-in with LDAP and of its settings."""

from litestar.params import JSONBody

from portico.api.auth import SessionUser, client_address
from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    get,
    json_response,
    post,
    sign_in_response,
)
from portico_ldap.components import LdapComponents
from portico_ldap.provider import LdapSignInAttempt
from portico_ldap.schemas import LdapForm, LdapServer, LdapState, LdapSwitch


class LdapRoutes(Controller):
    """`/api/v1/auths/ldap` and the settings of LDAP for administrators."""

    plugin: LdapComponents

    @post("/api/v1/auths/ldap", access="public", response_type=SessionUser)
    async def sign_in(self, request: Request, data: JSONBody[LdapForm]) -> JSONResponse:
        """Sign in with the name and password of a user of the LDAP server."""
        attempt = LdapSignInAttempt(data, client_address(request.scope))
        auth = self.plugin.app.identity.auth
        provider = self.plugin.unusable or self.plugin.provider
        return sign_in_response(await auth.sign_in_with(provider, attempt, request.scope))

    @get("/api/v1/auths/admin/config/ldap", requires="ldap:read", response_type=LdapState)
    async def get_state(self) -> JSONResponse:
        """Return whether sign-in with LDAP is enabled."""
        return json_response(await self.plugin.config.state())

    @post(
        "/api/v1/auths/admin/config/ldap",
        requires="ldap:write",
        session_only=True,
        response_type=LdapState,
    )
    async def set_enabled(self, request: Request, data: JSONBody[LdapSwitch]) -> JSONResponse:
        """Enable or disable sign-in with LDAP. Refused if `ENABLE_LDAP` is set in the file or environment."""
        enabled = bool(data.enable_ldap)
        return json_response(await self.plugin.config.set_enabled(enabled, request.user.id))

    @get("/api/v1/auths/admin/config/ldap/server", requires="ldap:read", response_type=LdapServer)
    async def get_server(self) -> JSONResponse:
        """Return the settings of the LDAP server, with `********` in place of the password."""
        return json_response(await self.plugin.config.describe(), has_secrets=True)

    @post(
        "/api/v1/auths/admin/config/ldap/server",
        requires="ldap:write",
        session_only=True,
        response_type=LdapServer,
    )
    async def update_server(self, request: Request, data: JSONBody[LdapServer]) -> JSONResponse:
        """Change the settings of the LDAP server.

        `********` keeps the stored password. It is refused if the password would then be sent to another server.
        """
        return json_response(await self.plugin.config.update(data, request.user.id))
