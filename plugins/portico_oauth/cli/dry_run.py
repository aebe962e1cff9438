"""What claims would come to at a sign-in: the sign-in itself, up to its last step, and then undone."""

from typing import Any, Literal

import msgspec

from portico.api import Account, AppContext, DomainError, ExternalIdentity, transaction
from portico_oauth.errors import LoginRejected, ProviderUnavailable
from portico_oauth.login.provider import OAuthProvider
from portico_oauth.protocol.jwt_verification import VerifiedToken, read_signed, unproven_claims
from portico_oauth.protocol.login_result import LoginResult


class LoginPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen. `account`: found by its link, merged by its address, new, or refused with the reason.

    `signature`: of a token, whether it was checked; empty for claims. `joined`, `left`, `made`: names of groups.
    """

    provider: str
    outcome: Literal["found", "merged", "new", "refused"]
    why: str = ""
    signature: str = ""
    subject: str = ""
    email: str = ""
    vouched: bool = False
    name: str = ""
    account_id: str = ""
    role_was: str | None = None
    role: str | None = None
    joined: list[str] = []
    left: list[str] = []
    made: list[str] = []


class _RollBackPreview(Exception):
    """The end of what is only tried."""


async def read_claims(provider: OAuthProvider, given: str) -> tuple[dict[str, Any], str]:
    """The claims of a JSON object or of a token, and whether its signature is good.

    Raises: ValueError for what is neither.
    """
    if given.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(given, type=dict[str, Any]), ""
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"This is no JSON object: {error}") from None
    token = given.strip()
    try:
        claims = unproven_claims(token)
    except LoginRejected as error:
        raise ValueError(f"This is neither a JSON object nor a token: {error.why}.") from None
    if provider.discovery is None:
        return claims, "not checked: this provider signs nothing"
    try:
        found: VerifiedToken = await read_signed(token, provider.registration, provider.discovery)
    except LoginRejected as error:
        return claims, f"no good: {error.why}"
    except ProviderUnavailable as error:
        return claims, f"not checked: {error.why}"
    return found.all_claims, "good"


async def preview_login(
    app: AppContext,
    provider: OAuthProvider,
    claims: dict[str, Any],
    *,
    vouched: bool | None = None,
    signature: str = "",
) -> LoginPreview:
    """What would become of somebody with these claims. Nothing is changed, and no picture is fetched.

    `vouched`: what the provider says of the address when it is asked; None = what the claims say.
    """
    if vouched is None and provider.discovery is None:
        vouched = False
    about: dict[str, Any] = {"provider": provider.name, "signature": signature}
    try:
        proof = await provider.proof(LoginResult(claims=claims, verified=vouched))
    except LoginRejected as error:
        return LoginPreview(outcome="refused", why=error.why, **about)
    about |= {
        "subject": proof.subject,
        "email": proof.email,
        "vouched": proof.email_verified,
        "name": proof.name,
    }
    found: list[LoginPreview] = []
    try:
        async with transaction():
            found.append(await _admitted(app, provider, proof, about))
            raise _RollBackPreview
    except _RollBackPreview:
        return found[0]
    except DomainError as error:
        return LoginPreview(outcome="refused", why=error.detail or "", **about)


async def _admitted(
    app: AppContext, provider: OAuthProvider, proof: ExternalIdentity, about: dict[str, Any]
) -> LoginPreview:
    identity, accounts, groups = app.identity, app.identity.accounts, app.identity.groups
    linked = await identity.links.account_id(provider.name, proof.subject or "")
    before: Account | None = (
        await accounts.by_id(linked) if linked else await accounts.by_email(proof.email)
    )
    known = {one.id for one in await groups.all()}
    were = {one.name for one in await groups.of_account(before.id)} if before else set()
    account = await identity.provision(provider.name, proof, provider.provisioning_rules)
    now_in = {one.name for one in await groups.of_account(account.id)}
    return LoginPreview(
        outcome="found" if linked else "merged" if before else "new",
        account_id=before.id if before else "",
        role_was=before.role if before else None,
        role=account.role,
        joined=sorted(now_in - were),
        left=sorted(were - now_in),
        made=sorted(one.name for one in await groups.all() if one.id not in known),
        **about,
    )
