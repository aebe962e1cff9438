"""Dry run of a sign-in: provision the account for given claims in a transaction that is rolled back."""

from typing import Any, Literal

import msgspec

from portico.api import AppContext, DomainError
from portico.api.auth import Account, ExternalIdentity
from portico.api.cli import printable
from portico.api.db import RollBack, transaction
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable
from portico_oauth.protocol.jwt_verification import VerifiedToken, unverified_claims, verify_token
from portico_oauth.protocol.login_result import LoginResult


class LoginPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in would do. `outcome`: the account is found by its link, linked by its e-mail address or created, or
    the sign-in is rejected for the reason `why`.

    `signature`: the result of the verification of a token; empty for claims. `joined_groups`, `left_groups`,
    `created_groups`: names. `old_role`: None for a new account. `unused_claims`: claims that cannot be read, with the reason.
    """

    provider: str
    outcome: Literal["found", "linked", "created", "rejected"]
    why: str = ""
    signature: str = ""
    subject: str = ""
    email: str = ""
    email_verified: bool = False
    name: str = ""
    account_id: str = ""
    old_role: str | None = None
    role: str | None = None
    joined_groups: list[str] = []
    left_groups: list[str] = []
    created_groups: list[str] = []
    unused_claims: list[str] = []


async def read_claims(provider: OAuthProvider, text: str) -> tuple[dict[str, Any], str]:
    """Return the claims of a JSON object or a token, and the result of the token's verification.

    Raises: ValueError if the text is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, Any]), ""
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"This is not a valid JSON object: {error}") from None
    token = text.strip()
    try:
        claims = unverified_claims(token)
    except LoginRejected as error:
        raise ValueError(f"This is neither a JSON object nor a token: {error.why}.") from None
    if provider.discovery is None:
        return claims, "not checked: this provider does not sign tokens"
    try:
        verified: VerifiedToken = await verify_token(
            token, provider.registration, provider.discovery
        )
    except LoginRejected as error:
        return claims, f"invalid: {error.why}"
    except ProviderUnavailable as error:
        return claims, f"not checked: {error.why}"
    return verified.all_claims, "valid"


async def preview_login(
    app: AppContext,
    provider: OAuthProvider,
    claims: dict[str, Any],
    *,
    email_verified: bool | None = None,
    signature: str = "",
) -> LoginPreview:
    """Return what a sign-in with these claims would do. Nothing is changed, and no picture is fetched.

    `email_verified`: what the provider would return about the e-mail address; None = what the claims contain.
    """
    if email_verified is None and provider.discovery is None:
        email_verified = False
    unused = [f"{claim}: {why}" for claim, why in provider.claim_faults(claims)]
    known: dict[str, Any] = {
        "provider": provider.name,
        "signature": signature,
        "unused_claims": unused,
    }
    try:
        identity = await provider.identity_without_picture(
            LoginResult(claims=claims, email_verified=email_verified)
        )
    except LoginRejected as error:
        return LoginPreview(outcome="rejected", why=error.why, **known)
    known |= {
        "subject": identity.subject,
        "email": identity.email,
        "email_verified": identity.email_verified,
        "name": identity.name,
    }
    previews: list[LoginPreview] = []
    try:
        async with transaction():
            previews.append(await _provision(app, provider, identity, known))
            raise RollBack
    except RollBack:
        return previews[0]
    except DomainError as error:
        return LoginPreview(outcome="rejected", why=error.detail or "", **known)


async def _provision(
    app: AppContext, provider: OAuthProvider, external: ExternalIdentity, known: dict[str, Any]
) -> LoginPreview:
    identity, accounts, groups = app.identity, app.identity.accounts, app.identity.groups
    linked = await identity.links.account_id(provider.name, external.subject or "")
    before: Account | None = (
        await accounts.by_id(linked) if linked else await accounts.by_email(external.email)
    )
    existing = {group.id for group in await groups.all()}
    old_groups = {group.name for group in await groups.of_account(before.id)} if before else set()
    account = await identity.provision(provider.name, external, provider.provisioning_rules)
    new_groups = {group.name for group in await groups.of_account(account.id)}
    return LoginPreview(
        outcome="found" if linked else "linked" if before else "created",
        account_id=before.id if before else "",
        old_role=before.role if before else None,
        role=account.role,
        joined_groups=sorted(new_groups - old_groups),
        left_groups=sorted(old_groups - new_groups),
        created_groups=sorted(
            group.name for group in await groups.all() if group.id not in existing
        ),
        **known,
    )


_OUTCOMES = {
    "found": "The user is signed in to the account that is linked to the subject.",
    "linked": "The user is signed in to the existing account with the same e-mail address.",
    "created": "An account is created for the user.",
    "rejected": "The sign-in is rejected.",
}


def format_preview(preview: LoginPreview) -> str:
    """Return the preview as lines of a label and a value, safe for a terminal."""
    role = preview.role or ""
    if preview.old_role and preview.old_role != preview.role:
        role = f"{role} (was {preview.old_role})"
    verified = "verified" if preview.email_verified else "not verified"
    lines = {
        "provider": preview.provider,
        "signature": preview.signature,
        "outcome": _OUTCOMES[preview.outcome],
        "reason": preview.why,
        "account": preview.account_id,
        "subject": preview.subject,
        "e-mail": preview.email and f"{preview.email} ({verified})",
        "name": preview.name,
        "role": role,
        "joins groups": ", ".join(preview.joined_groups),
        "leaves groups": ", ".join(preview.left_groups),
        "new groups": ", ".join(preview.created_groups),
        "not used": "; ".join(preview.unused_claims),
    }
    return "\n".join(f"{label:14} {printable(text)}" for label, text in lines.items() if text)
