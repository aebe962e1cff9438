"""The auth provider for one OAuth 2.0 or OpenID Connect provider."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import structlog

from portico.api import AppContext
from portico.api.auth import ExternalIdentity, ProvisioningRules
from portico_oauth.login.avatars import Avatars
from portico_oauth.login.claim_mapping import (
    BlockedGroups,
    ClaimFault,
    claim_faults,
    identity_from,
)
from portico_oauth.login.pending_logins import PendingLogin
from portico_oauth.login.token_store import TokenStore
from portico_oauth.protocol.client_authentication import ClientAuthentication
from portico_oauth.protocol.discovery import Discovery
from portico_oauth.protocol.errors import ClientNotAuthenticated, ClientRejected, LoginRejected
from portico_oauth.protocol.jwt_verification import issuer_matches
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.oauth2_profiles import feishu_login, github_login
from portico_oauth.protocol.openid import openid_login
from portico_oauth.protocol.registration import Registration
from portico_oauth.settings import OAuthSettings

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

log = structlog.get_logger("portico.oauth")

MAX_ACCESS_TOKEN_CHARS = 64 * 1024


class OAuthProvider:
    """A provider at which this instance is registered as a client. `authenticate` takes its `LoginResult`."""

    kind: Literal["redirect"] = "redirect"

    def __init__(
        self,
        registration: Registration,
        settings: OAuthSettings,
        app: AppContext,
        http: "ProviderHTTP",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registration = registration
        self.name, self.label = registration.name, registration.label
        self.discovery = (
            Discovery(registration, http, clock) if registration.discovery_url else None
        )
        self.tokens = TokenStore(app.encryptor, app.identity.settings.signout_redirect_url)
        self._settings, self._app, self._http = settings, app, http
        self._authentication = ClientAuthentication(registration)
        self._avatars = Avatars(app, settings)
        self._blocked_groups = BlockedGroups(settings.blocked_groups)

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """The rules for new accounts. Accounts of administrators are never linked by e-mail address."""
        settings = self._settings
        return ProvisioningRules(
            create_accounts=settings.enable_signup,
            link_by_email="non_admins" if settings.link_by_email else "never",
            create_groups=settings.group_creation,
            is_ignored_group=self._blocked_groups,
            replace_picture=settings.update_picture,
        )

    async def authorization_url(self, pending: PendingLogin) -> str:
        """Return the URL that the browser is sent to. Raises: ProviderUnavailable."""
        client = self._http.client(self.registration)
        extra = {} if self.discovery is None else {"nonce": pending.nonce}
        endpoint = await self._endpoint("authorization")
        url, _ = client.create_authorization_url(
            endpoint,
            state=pending.state,
            code_verifier=pending.verifier,
            redirect_uri=pending.redirect_uri,
            **extra,
        )
        return str(url)

    async def check_issuer(self, issuer: str | None) -> None:
        """Check the parameter `iss` of the callback. Source: RFC 9207. Raises: LoginRejected; ProviderUnavailable."""
        if self.discovery is None:
            return
        metadata = await self.discovery.metadata()
        if issuer is None:
            if metadata.authorization_response_iss_parameter_supported:
                raise LoginRejected("the callback does not name its issuer")
        elif not issuer_matches(issuer, metadata):
            raise LoginRejected("the callback is from another issuer")

    async def exchange_code(self, code: str, pending: PendingLogin) -> LoginResult:
        """Exchange the authorization code and return the user's data. Raises: LoginRejected; ProviderUnavailable."""
        extra = {}
        if self._settings.include_client_id:
            extra["client_id"] = self.registration.client_id
        token = await self._token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=pending.redirect_uri,
            code_verifier=pending.verifier,
            **extra,
        )
        _check_token(token)
        if self.discovery is not None:
            return await openid_login(
                token,
                pending.nonce,
                registration=self.registration,
                discovery=self.discovery,
                http=self._http,
                wanted_claims=self._settings.wanted_claims,
                required_claims=self._settings.required_claims,
                email_claim=self._settings.email_claim,
            )
        login = github_login if self.registration.protocol == "github" else feishu_login
        return await login(token, self.registration, self._http)

    async def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Return new tokens for a refresh token. Raises: LoginRejected; ProviderUnavailable."""
        token = await self._token(
            grant_type="refresh_token",
            refresh_token=refresh_token,
            client_id=self.registration.client_id,
        )
        _check_token(token)
        return token

    async def authenticate(self, attempt: LoginResult) -> ExternalIdentity:
        """Return the identity of the user, with the profile picture if it is needed. Raises: LoginRejected."""
        identity = await self.identity_without_picture(attempt)
        for fault in self.claim_faults(attempt.claims):
            log.warning(
                "claim not used", provider=self.name, claim=fault.claim[:200], why=fault.why
            )
        return await self._avatars.with_picture(identity, attempt, self.registration)

    async def identity_without_picture(self, result: LoginResult) -> ExternalIdentity:
        """Return the identity of the user without any request to the provider. Raises: LoginRejected."""
        current = await self._app.identity.current_settings()
        identity = identity_from(result, self.registration, self._settings, current.default_role)
        for name in identity.groups or ():
            self._blocked_groups(name)  # raises LoginRejected before anything is written
        return identity

    def claim_faults(self, claims: Mapping[str, Any]) -> list[ClaimFault]:
        """Return what in these claims cannot be read, and is therefore not used."""
        return claim_faults(claims, self._settings)

    async def sign_out(self, session_id: str) -> str | None:
        """Return the URL where the user signs out at the provider, as stored at the sign-in; None if it has none."""
        return await self.tokens.end_session_url(session_id, self.registration.client_id)

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._http.close()

    async def _endpoint(self, which: Literal["authorization", "token"]) -> str:
        if self.discovery is not None:
            metadata = await self.discovery.metadata()
            if which == "authorization":
                return metadata.authorization_endpoint
            return metadata.token_endpoint
        endpoints = self.registration.endpoints
        assert endpoints is not None
        return endpoints.authorization if which == "authorization" else endpoints.token

    async def _token(self, **grant: str) -> dict[str, Any]:
        """Return the token endpoint's response. Raises: LoginRejected; ProviderUnavailable."""
        url = await self._endpoint("token")
        announced = None
        if self.discovery is not None:
            announced = (await self.discovery.metadata()).token_endpoint_auth_methods_supported
        methods = self._authentication.methods(announced)
        for method in methods:
            try:
                token = await self._http.token(self.registration, url, method, **grant)
            except ClientNotAuthenticated as error:
                if method == methods[-1]:
                    raise
                log.info("client refused", provider=self.name, method=method, why=error.why)
            except ClientRejected:
                raise
            except LoginRejected:
                # The client was accepted and its code was not: some providers take the first request as its use.
                self._authentication.accepted(method)
                raise
            else:
                self._authentication.accepted(method)
                return token
        raise AssertionError("there is always a method")


def _check_token(token: dict[str, Any]) -> None:
    """Raises: LoginRejected for a response of the token endpoint without a valid access token."""
    access_token = token.get("access_token")
    token_type = token.get("token_type", "bearer")
    if not isinstance(access_token, str) or not 0 < len(access_token) <= MAX_ACCESS_TOKEN_CHARS:
        raise LoginRejected("the response contains no access token, or one that is too long")
    if not access_token.isascii() or not access_token.isprintable():
        raise LoginRejected("the access token contains invalid characters")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise LoginRejected("the token type is not Bearer")
