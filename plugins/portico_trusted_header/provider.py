"""The way in by a header, and the witness to every request after it. No HTTP but for what the headers say."""

from collections.abc import Mapping
from typing import Any, Literal

import structlog

from portico.api import Actor, AppContext, ExternalIdentity, ProvisioningRules, is_same_address
from portico_trusted_header.headers import HeaderIdentity, TrustedHeaders
from portico_trusted_header.settings import TrustedHeaderSettings

log = structlog.get_logger("portico.trusted_header")


class TrustedHeader:
    """The way called `trusted_header`. The proxy's word is an e-mail address, so that is what an account is found by."""

    name = "trusted_header"
    label = "Proxy"
    kind: Literal["header"] = "header"

    def __init__(self, app: AppContext, settings: TrustedHeaderSettings) -> None:
        self._identity = app.identity
        self._headers = TrustedHeaders(settings)
        self._newcomers = settings.newcomers

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """Who it names has that account, whoever it is. As with sign-up, unset means: only the very first one is made."""
        wanted = self._newcomers
        if wanted is None:
            wanted = self._identity.settings.enable_signup
        return ProvisioningRules(
            create_accounts=bool(wanted),
            create_first_account=wanted is None,
            link_by_email="always",
        )

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """The request itself, whatever the body says: nobody comes in by another way at this door."""
        return scope

    async def authenticate(self, attempt: Mapping[str, Any]) -> ExternalIdentity:
        """Who the request is of. Raises: Invalid if no trusted proxy says so, or says it twice."""
        named: HeaderIdentity = self._headers.identity(attempt)
        return ExternalIdentity(
            subject=None,
            email=named.email,
            name=named.name,
            email_verified=True,
            groups=named.groups,
        )

    def accepts(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Whether the proxy names whoever signed in, where it names anybody. Keys have owners of their own."""
        if actor.credential != "session":
            return True
        return all(is_same_address(email, actor.email) for email in self._headers.emails(scope))


def warn_without_proxies(app: AppContext) -> None:
    """Say that the header is named and nobody is trusted to send it."""
    if not app.settings.server.trusted_proxies:
        log.warning(
            "a trusted header is named, but no proxy is: nobody can sign in by it",
            set="server.trusted_proxies",
        )
