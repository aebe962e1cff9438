"""One provider: a way to sign in, by setting out for it and coming back with a code."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from portico.api import House, Proof, Terms
from portico_oauth.begun import Begun
from portico_oauth.discovery import Discovery
from portico_oauth.evidence import Evidence
from portico_oauth.faults import Refused
from portico_oauth.kept import Kept
from portico_oauth.openid import openid_evidence
from portico_oauth.pictures import Pictures
from portico_oauth.plain import feishu_evidence, github_evidence
from portico_oauth.proofs import BlockedGroups, proof_of
from portico_oauth.registrations import Registration
from portico_oauth.settings import Settings
from portico_oauth.signed import issuer_fits

if TYPE_CHECKING:
    from portico_oauth.wire import Wire

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
        settings: Settings,
        house: House,
        wire: "Wire",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registration = registration
        self.name, self.label = registration.name, registration.label
        self.discovery = (
            Discovery(registration, wire, clock) if registration.discovery_url else None
        )
        self.kept = Kept(house.vault, house.identity.settings.signout_redirect_url)
        self._settings, self._house, self._wire = settings, house, wire
        self._pictures = Pictures(house, settings)
        self._blocked = BlockedGroups(settings.blocked_groups)

    @property
    def terms(self) -> Terms:
        """Administrators are never merged: whoever has their address elsewhere is not yet them."""
        settings = self._settings
        return Terms(
            newcomers=settings.enable_signup,
            merge="people" if settings.merge_by_email else "nobody",
            new_groups=settings.group_creation,
            leaves_alone=self._blocked,
            new_picture=settings.update_picture,
        )

    async def address(self, begun: Begun) -> str:
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
                raise Refused("the answer does not say which provider it is from")
        elif not issuer_fits(issuer, metadata):
            raise Refused("the answer is from another provider")

    async def redeem(self, code: str, begun: Begun) -> Evidence:
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
            return await openid_evidence(
                token,
                begun.nonce,
                registration=self.registration,
                settings=self._settings,
                discovery=self.discovery,
                wire=self._wire,
            )
        ask = github_evidence if self.registration.speaks == "github" else feishu_evidence
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

    async def authenticate(self, attempt: Evidence) -> Proof:
        """Who this is. Raises: Refused."""
        proof = await self.proof(attempt)
        return await self._pictures.added(proof, attempt, self.registration)

    async def proof(self, evidence: Evidence) -> Proof:
        """The same without a picture, for which nobody has to be asked. Raises: Refused."""
        house = await self._house.adjustments.of(self._house.identity.settings).now()
        proof = proof_of(evidence, self.registration, self._settings, house.default_role)
        for name in proof.groups or ():
            self._blocked(name)  # refused here, before anything of it is written
        return proof

    async def leave(self, session_id: str) -> str | None:
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
        raise Refused("there is no access token")
    if not access_token.isascii() or not access_token.isprintable():
        raise Refused("the access token is no token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Refused("the access token is of a kind that nobody here can use")
