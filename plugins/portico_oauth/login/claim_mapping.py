"""From what a provider says about somebody to what that proves here: subject, address, name, role, groups. No HTTP."""

import fnmatch
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from portico.api import (
    ExternalIdentity,
    InvalidRequest,
    OperatorPattern,
    PatternTooSlow,
    check_email,
    domain_key,
)
from portico_oauth.errors import LoginRejected
from portico_oauth.protocol.claims import LONGEST, lookup, text, texts
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.registrations import Registration
from portico_oauth.settings import OAuthSettings

Role = Literal["pending", "user", "admin"]
_REGULAR = frozenset("^$[](){}+\\|")


def identity_from(
    evidence: LoginResult, registration: Registration, settings: OAuthSettings, default_role: Role
) -> ExternalIdentity:
    """Who this is. `default_role`: of whoever has no role there that means anything here. Raises: Refused."""
    claims = evidence.claims
    subject = claims.get(settings.sub_claim or registration.subject_claim)
    if not isinstance(subject, str) or not subject:
        raise LoginRejected("there is no subject, or it is no text")
    email, vouched = _email(evidence, registration, settings, subject)
    return ExternalIdentity(
        subject=subject,
        email=email,
        name=text(lookup(claims, settings.username_claim)) or email,
        email_verified=vouched,
        role=role_of(claims, settings, default_role),
        groups=groups_of(claims, settings),
        provider_session_id=evidence.provider_session,
    )


def _email(
    evidence: LoginResult, registration: Registration, settings: OAuthSettings, subject: str
) -> tuple[str, bool]:
    """The address, and whether the provider asserts that it is theirs."""
    claims = evidence.claims
    said = lookup(claims, settings.email_claim)
    if isinstance(said, str) and said:
        email = said
        vouched = registration.name in settings.trusted_emails or _verified(
            evidence, registration, said
        )
    elif settings.email_fallback and not said:
        email, vouched = f"{registration.name}@{subject}.local", False
    else:
        raise LoginRejected("there is no e-mail address")
    try:
        email = check_email(email)
    except InvalidRequest:
        raise LoginRejected("the e-mail address does not look like one") from None
    if not _domain_allowed(email, settings.allowed_domains):
        raise LoginRejected("the domain of the e-mail address is not one of those that may come in")
    if "*" not in settings.allowed_domains and not vouched and _denied(evidence):
        # A domain opens the door only to whoever has an address there, not to whoever wrote one down.
        raise LoginRejected("the provider says that the e-mail address is not verified")
    return email, vouched


def _verified(evidence: LoginResult, registration: Registration, said: str) -> bool:
    if evidence.verified is not None:
        return evidence.verified
    # The word is about the claim `email`; of another one it says nothing, even if that is named to be the address.
    return (
        registration.verifies_email
        and evidence.claims.get("email") == said
        and evidence.claims.get("email_verified") is True
    )


def _denied(evidence: LoginResult) -> bool:
    return evidence.claims.get("email_verified", True) is not True


def _domain_allowed(email: str, domains: list[str]) -> bool:
    domain = domain_key(email.rpartition("@")[2])
    return "*" in domains or domain in {domain_key(one) for one in domains}


def role_of(claims: Mapping[str, Any], settings: OAuthSettings, default_role: Role) -> Role | None:
    """The role here of somebody with these claims; None = roles are not the provider's business.

    Words are compared as they are: `Admin` and `admins` are not `admin`. Raises: Refused for a claim that cannot be
    read, rather than to guess.
    """
    if not settings.role_management:
        return None
    found = texts(lookup(claims, settings.roles_claim), settings.roles_separator, "roles")
    if not set(found).isdisjoint(settings.admin_roles):
        return "admin"
    if not set(found).isdisjoint(settings.allowed_roles):
        return "user"
    # Nobody becomes an administrator by having no role, whatever a house makes of those who sign up.
    return "pending" if default_role == "admin" else default_role


def groups_of(claims: Mapping[str, Any], settings: OAuthSettings) -> tuple[str, ...] | None:
    """The names of the groups somebody is to be in; None = they stay in those they are in.

    Raises: Refused for a claim that cannot be read.
    """
    if not settings.group_management:
        return None
    found = texts(lookup(claims, settings.groups_claim), settings.groups_separator, "groups")
    fit = [one for one in found if len(one) <= LONGEST and one.isprintable()]
    return tuple(fit) or None


class BlockedGroups:
    """Which groups are neither joined nor left.

    Source: the clients' contract; a pattern is a name, a regular expression (if it has signs that only those have),
    and a name with `*` and `?`, all at once. One that is no regular expression is none.
    """

    def __init__(self, patterns: list[str]) -> None:
        self._names = patterns
        self._regular = []
        for pattern in patterns:
            if _REGULAR & set(pattern):
                with suppress(ValueError):
                    self._regular.append(OperatorPattern(pattern, "OAUTH_BLOCKED_GROUPS"))

    def __call__(self, name: str) -> bool:
        """Whether this group is one. Raises: Refused for a name on which a pattern takes too long."""
        if name in self._names or any(fnmatch.fnmatchcase(name, one) for one in self._names):
            return True
        try:
            return any(one.matches(name) for one in self._regular)
        except PatternTooSlow:
            # To guess would let whoever may name a group there stay in it here, or get into it.
            raise LoginRejected(
                "a pattern of blocked groups takes too long on a group's name"
            ) from None
