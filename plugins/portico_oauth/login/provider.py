"""One provider: a way to sign in, by setting out for it and coming back with a code."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from portico.api import AppContext, ExternalIdentity, ProvisioningRules
from portico_oauth.errors import LoginRejected
from portico_oauth.login.avatars import Pictures
from portico_oauth.login.claim_mapping import BlockedGroups, identity_from
from portico_oauth.login.pending_logins import PendingLogin
from portico_oauth.protocol.discovery import Discovery
from portico_oauth.protocol.jwt_verification import issuer_fits
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.oauth2_profiles import feishu_login, github_login
from portico_oauth.protocol.openid import openid_login
from portico_oauth.registrations import Registration
from portico_oauth.settings import OAuthSettings
from portico_oauth.token_store import TokenStore

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

#: In this order, as far as the provider announces them. Source: RFC 6749 §2.3.1.
_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
#: Characters of what a provider may call a token.
LONGEST_ACCESS_TOKEN = 64 * 1024


class OAuthProvider:
    """A provider at which this house is registered. `attempt` of `authenticate` is what it said when asked."""

    kind: Literal["redirect"] = "redirect"

    def __init__(
        self,
        registration: Registration,
        settings: OAuthSettings,
        app: AppContext,
        wire: "ProviderHTTP",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registration = registration
        self.name, self.label = registration.name, registration.label
        self.discovery = (
            Discovery(registration, wire, clock) if registration.discovery_url else None
        )
        self.kept = TokenStore(app.encryptor, app.identity.settings.signout_redirect_url)
        self._settings, self._app, self._wire = settings, app, wire
        self._pictures = Pictures(app, settings)
        self._blocked = BlockedGroups(settings.blocked_groups)

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """Administrators are never merged: whoever has their address elsewhere is not yet them."""
        settings = self._settings
        return ProvisioningRules(
            create_accounts=settings.enable_signup,
            link_by_email="non_admins" if settings.merge_by_email else "never",
            create_groups=settings.group_creation,
            is_ignored_group=self._blocked,
            replace_picture=settings.update_picture,
        )

    async def authorization_url(self, begun: PendingLogin) -> str:
        """Where a browser is sent that sets out. Raises: Away."""
        client = self._wire.client(self.registration)
        extra = {} if self.discovery is None else {"nonce": begun.nonce}
        endpoint = await self._endpoint("authorization")
        address, _ = client.create_authorization_url(
            endpoint,
            state=begun.state,
            code_verifier=begun.verifier,
            redirect_uri=begun.redirect_uri,
            **extra,
        )
        return str(address)

    async def check_sender(self, issuer: str | None) -> None:
        """Whether it was this provider that sent a browser back. Source: RFC 9207. Raises: Refused; Away."""
        if self.discovery is None:
            return
        metadata = await self.discovery.metadata()
        if issuer is None:
            if metadata.authorization_response_iss_parameter_supported:
                raise LoginRejected("the answer does not say which provider it is from")
        elif not issuer_fits(issuer, metadata):
            raise LoginRejected("the answer is from another provider")

    async def exchange_code(self, code: str, begun: PendingLogin) -> LoginResult:
        """What the provider says of whoever came back with a code. Raises: Refused; Away."""
        extra = {}
        if self._settings.include_client_id:
            extra["client_id"] = self.registration.client_id
        token = await self._wire.token(
            self.registration,
            await self._endpoint("token"),
            await self._auth_method(),
            grant_type="authorization_code",
            code=code,
            redirect_uri=begun.redirect_uri,
            code_verifier=begun.verifier,
            **extra,
        )
        _check_token(token)
        if self.discovery is not None:
            return await openid_login(
                token,
                begun.nonce,
                registration=self.registration,
                settings=self._settings,
                discovery=self.discovery,
                wire=self._wire,
            )
        ask = github_login if self.registration.protocol == "github" else feishu_login
        return await ask(token, self.registration, self._wire)

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for an old one. Raises: Refused; Away."""
        token = await self._wire.token(
            self.registration,
            await self._endpoint("token"),
            await self._auth_method(),
            grant_type="refresh_token",
            refresh_token=refresh_token,
            client_id=self.registration.client_id,
        )
        _check_token(token)
        return token

    async def authenticate(self, attempt: LoginResult) -> ExternalIdentity:
        """Who this is. Raises: Refused."""
        proof = await self.proof(attempt)
        return await self._pictures.added(proof, attempt, self.registration)

    async def proof(self, evidence: LoginResult) -> ExternalIdentity:
        """The same without a picture, for which nobody has to be asked. Raises: Refused."""
        app = await self._app.runtime_settings.of(self._app.identity.settings).current()
        proof = identity_from(evidence, self.registration, self._settings, app.default_role)
        for name in proof.groups or ():
            self._blocked(name)  # refused here, before anything of it is written
        return proof

    async def sign_out(self, session_id: str) -> str | None:
        """Where the browser goes to sign out at the provider too. Nobody is asked: it was noted at the sign-in."""
        return await self.kept.leave_address(session_id, self.registration.client_id)

    async def close(self) -> None:
        """Let go of the connections to it."""
        await self._wire.close()

    async def _endpoint(self, which: Literal["authorization", "token"]) -> str:
        if self.discovery is not None:
            metadata = await self.discovery.metadata()
            if which == "authorization":
                return metadata.authorization_endpoint
            return metadata.token_endpoint
        endpoints = self.registration.endpoints
        assert endpoints is not None
        return endpoints.authorization if which == "authorization" else endpoints.token

    async def _auth_method(self) -> str:
        if not self.registration.client_secret:
            return "none"
        if self.registration.auth_method or self.discovery is None:
            return self.registration.auth_method or _AUTH_METHODS[0]
        metadata = await self.discovery.metadata()
        announced = metadata.token_endpoint_auth_methods_supported or _AUTH_METHODS
        return next((one for one in _AUTH_METHODS if one in announced), _AUTH_METHODS[0])


def _check_token(token: dict[str, Any]) -> None:
    """Raises: Refused for an answer of the token endpoint that holds nothing to use."""
    access_token = token.get("access_token")
    kind = token.get("token_type", "bearer")
    if not isinstance(access_token, str) or not 0 < len(access_token) <= LONGEST_ACCESS_TOKEN:
        raise LoginRejected("there is no access token")
    if not access_token.isascii() or not access_token.isprintable():
        raise LoginRejected("the access token is no token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise LoginRejected("the access token is of a kind that nobody here can use")
