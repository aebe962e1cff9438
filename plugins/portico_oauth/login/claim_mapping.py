"""Map the claims of a provider to an external identity: subject, e-mail address, name, role, groups. No HTTP."""

import fnmatch
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from portico.api import InvalidRequest
from portico.api.auth import ExternalIdentity, check_email, domain_key
from portico.api.text import OperatorPattern, PatternTooSlow
from portico_oauth.protocol.claims import (
    MAX_VALUE_CHARS,
    ClaimTexts,
    claim_texts,
    display_text,
    first_text,
    is_true,
    lookup,
)
from portico_oauth.protocol.errors import LoginRejected
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.registration import Registration
from portico_oauth.settings import OAuthSettings

Role = Literal["pending", "user", "admin"]
_REGEX_CHARS = frozenset("^$[](){}+\\|")
_TRUTH_VALUES = (None, True, False, "true", "false")


class ClaimFault(NamedTuple):
    """What in a claim is not used. `why`: for the log, without the value."""

    claim: str
    why: str


def identity_from(
    result: LoginResult, registration: Registration, settings: OAuthSettings, default_role: Role
) -> ExternalIdentity:
    """Return the identity of the user. `default_role`: for a user without a mapped role. Raises: LoginRejected."""
    claims = result.claims
    subject = claims.get(settings.sub_claim or registration.subject_claim)
    if not isinstance(subject, str) or not subject:
        raise LoginRejected("the subject is missing or not a text")
    email, email_verified = _email(result, registration, settings, subject)
    return ExternalIdentity(
        subject=subject,
        email=email,
        name=display_text(lookup(claims, settings.username_claim)) or email,
        email_verified=email_verified,
        role=role_of(claims, settings, default_role),
        groups=groups_of(claims, settings),
        provider_session_id=result.provider_session_id,
    )


def _email(
    result: LoginResult, registration: Registration, settings: OAuthSettings, subject: str
) -> tuple[str, bool]:
    """Return the e-mail address and whether the provider has verified it."""
    claims = result.claims
    claimed = lookup(claims, settings.email_claim)
    # A list is read from a claim such as `emails` of Azure B2C. `email` itself is a text.
    email = claimed if settings.email_claim == "email" else first_text(claimed)
    if isinstance(email, str) and email:
        is_trusted = registration.name in settings.trust_emails_from
        email_verified = is_trusted or _is_verified(result, registration, email)
    elif settings.email_fallback and not claimed:
        email, email_verified = f"{registration.name}@{subject}.local", False
    else:
        raise LoginRejected("the e-mail address is missing or not a text")
    try:
        email = check_email(email)
    except InvalidRequest:
        raise LoginRejected("the e-mail address is not valid") from None
    if not _domain_allowed(email, settings.allowed_domains):
        raise LoginRejected("the domain of the e-mail address is not allowed")
    if "*" not in settings.allowed_domains and not email_verified and _is_unverified(result):
        # An allowed domain admits the owners of its addresses, not users who entered such an address somewhere.
        raise LoginRejected("the provider has not verified the e-mail address")
    return email, email_verified


def _is_verified(result: LoginResult, registration: Registration, email: str) -> bool:
    if result.email_verified is not None:
        return result.email_verified
    # `email_verified` is about the claim `email` only, also if the settings take the address from another claim.
    return (
        registration.verifies_email
        and result.claims.get("email") == email
        and is_true(result.claims.get("email_verified"))
    )


def _is_unverified(result: LoginResult) -> bool:
    return not is_true(result.claims.get("email_verified", True))


def _domain_allowed(email: str, domains: list[str]) -> bool:
    domain = domain_key(email.rpartition("@")[2])
    return "*" in domains or domain in {domain_key(allowed) for allowed in domains}


def role_of(claims: Mapping[str, Any], settings: OAuthSettings, default_role: Role) -> Role | None:
    """Return the role for these claims; None if the provider does not manage roles.

    Roles are compared exactly: `Admin` and `admins` are not `admin`. Raises: LoginRejected for a claim that cannot be
    read in all parts, since a role must not be guessed.
    """
    if not settings.role_management:
        return None
    # An object with a name could be anything that concerns the role, such as a denied request for it.
    roles, fault = claim_texts(
        lookup(claims, settings.roles_claim), settings.roles_separator, reads_objects=False
    )
    if fault:
        raise LoginRejected(
            f"the claim {settings.roles_claim[:MAX_VALUE_CHARS]!r} cannot be read: {fault}"
        )
    if not set(roles).isdisjoint(settings.admin_roles):
        return "admin"
    if not set(roles).isdisjoint(settings.allowed_roles):
        return "user"
    # A user without a mapped role never becomes an administrator, also if that is the default role.
    return "pending" if default_role == "admin" else default_role


def groups_of(claims: Mapping[str, Any], settings: OAuthSettings) -> tuple[str, ...] | None:
    """Return the names of the user's groups; None = leave the memberships unchanged, as without groups in the claim.

    What cannot be read is no group, so a claim of an unknown shape ends the memberships of earlier sign-ins, as one does
    that has only names that no group can have.
    """
    if not settings.group_management:
        return None
    names, fault = _groups(claims, settings)
    valid = [name for name in names if len(name) <= MAX_VALUE_CHARS and name.isprintable()]
    return tuple(valid) or (() if fault or names else None)


def claim_faults(claims: Mapping[str, Any], settings: OAuthSettings) -> list[ClaimFault]:
    """Return what in these claims cannot be read, and is therefore not used."""
    faults = []
    if settings.group_management:
        faults.append(ClaimFault(settings.groups_claim, _groups(claims, settings).fault))
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping):
        # Of users with many groups, Entra sends an address instead. Source: OpenID Connect Core 1.0 §5.6.2.
        why = "the provider sends an address of it instead of its values"
        faults += [ClaimFault(one, why) for one in settings.rights_claims if one in elsewhere]
    verified = claims.get("email_verified")
    if isinstance(verified, float) or verified not in _TRUTH_VALUES:
        faults.append(ClaimFault("email_verified", "it is not a truth value, and counts as false"))
    return [fault for fault in faults if fault.why]


def _groups(claims: Mapping[str, Any], settings: OAuthSettings) -> ClaimTexts:
    return claim_texts(lookup(claims, settings.groups_claim), settings.groups_separator)


class BlockedGroups:
    """Matches the groups that are neither joined nor left.

    Source: the clients' contract; each pattern is tried as a name, as a name with `*` and `?`, and, if it contains
    characters that only regular expressions use, as a regular expression. One that does not compile is ignored.
    """

    def __init__(self, patterns: list[str]) -> None:
        self._names = patterns
        self._regexes = []
        for pattern in patterns:
            if _REGEX_CHARS & set(pattern):
                with suppress(ValueError):
                    self._regexes.append(OperatorPattern(pattern, "OAUTH_BLOCKED_GROUPS"))

    def __call__(self, name: str) -> bool:
        """Whether this group is blocked. Raises: LoginRejected for a name on which a pattern takes too long."""
        if name in self._names or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self._names
        ):
            return True
        try:
            return any(pattern.matches(name) for pattern in self._regexes)
        except PatternTooSlow:
            # Any guess would let a user who can name groups at the provider join or keep a blocked group.
            raise LoginRejected(
                "a pattern of OAUTH_BLOCKED_GROUPS takes too long on the name of a group"
            ) from None
