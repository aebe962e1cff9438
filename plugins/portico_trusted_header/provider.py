"""The auth provider for trusted headers, which also checks every later request against them."""

from collections.abc import Mapping
from typing import Any, Literal

import structlog

from portico.api import AppContext
from portico.api.auth import (
    Actor,
    ExternalIdentity,
    ProvisioningRules,
    UnusableProvider,
    is_same_address,
)
from portico_trusted_header.headers import HeaderIdentity, TrustedHeaders
from portico_trusted_header.settings import PROVIDER, TrustedHeaderSettings, name_fault

log = structlog.get_logger("portico.trusted_header")


class TrustedHeader:
    """The auth provider `trusted_header`. Accounts are found by e-mail address."""

    name = PROVIDER
    label = "Proxy"
    kind: Literal["header"] = "header"

    def __init__(self, app: AppContext, settings: TrustedHeaderSettings) -> None:
        self._identity = app.identity
        self._headers = TrustedHeaders(settings)
        self._create_accounts = settings.create_accounts

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """Link by e-mail address always. Unset means, as with sign-up: create only the first account."""
        create = self._create_accounts
        if create is None:
            create = self._identity.settings.enable_signup
        return ProvisioningRules(
            create_accounts=bool(create),
            create_first_account=create is None,
            link_by_email="always",
        )

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request. The body is ignored, so that no other provider is used."""
        return scope

    async def authenticate(self, attempt: Mapping[str, Any]) -> ExternalIdentity:
        """Return the user that the proxy names. Raises: InvalidRequest if there is none, or more than one."""
        named: HeaderIdentity = self._headers.identity(attempt)
        return ExternalIdentity(
            subject=None,
            email=named.email,
            name=named.name,
            email_verified=True,
            groups=named.groups,
        )

    def accepts(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Return whether the proxy names the user of the session, or no user. API keys are not checked."""
        return is_named(self._headers, scope, actor)


class UnusableTrustedHeader(UnusableProvider, frozen=True, kw_only=True):
    """The auth provider with settings that cannot work. Passwords and sign-up stay closed, since a proxy should identify users.

    `headers`: None if not even the header with the e-mail address is valid.
    """

    headers: TrustedHeaders | None

    @classmethod
    def of(cls, settings: TrustedHeaderSettings, reason: str) -> "UnusableTrustedHeader":
        """Return the provider for these settings."""
        is_valid = settings.email_header and not name_fault(settings.email_header)
        return cls(
            name=PROVIDER,
            label=TrustedHeader.label,
            kind=TrustedHeader.kind,
            reason=reason,
            headers=TrustedHeaders(settings) if is_valid else None,
        )

    def accepts(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Return whether the proxy names the user of the session, or no user."""
        return self.headers is None or is_named(self.headers, scope, actor)


def is_named(headers: TrustedHeaders, scope: Mapping[str, Any], actor: Actor) -> bool:
    """Return whether the proxy names this actor, or no user. API keys are not checked."""
    if actor.credential != "session":
        return True
    return all(is_same_address(email, actor.email) for email in headers.emails(scope))


def warn_without_proxies(app: AppContext) -> None:
    """Log a warning if a header is configured, but no proxy is trusted."""
    if not app.settings.server.trusted_proxies:
        log.warning(
            "trusted header configured without trusted proxies, sign-in not possible",
            set="server.trusted_proxies",
        )
