"""Who somebody is by OpenID Connect: the id token, and what the provider says when asked."""

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from portico_oauth.errors import LoginRejected
from portico_oauth.protocol.claims import NOTHING, lookup
from portico_oauth.protocol.discovery import Discovery, hosts
from portico_oauth.protocol.jwt_verification import VerifiedToken, read_signed
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.registrations import Registration
from portico_oauth.settings import OAuthSettings

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

#: Those of the edwards curves have no number in their names, and SHA-512 in their definition.
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}
#: Characters of a provider's name for a session.
LONGEST_SID = 255


async def openid_login(
    token: dict[str, Any],
    nonce: str,
    *,
    registration: Registration,
    settings: OAuthSettings,
    discovery: Discovery,
    wire: "ProviderHTTP",
) -> LoginResult:
    """What the answer of the token endpoint proves. Raises: Refused; Away."""
    access_token, id_token = token["access_token"], token.get("id_token")
    if not isinstance(id_token, str):
        raise LoginRejected("there is no id token")
    signed = await read_signed(id_token, registration, discovery)
    _check(signed, nonce, access_token)
    metadata = await discovery.metadata()
    claims = signed.all_claims
    if metadata.userinfo_endpoint and not _says_enough(claims, settings):
        found = await wire.get(metadata.userinfo_endpoint, dict[str, Any], bearer=access_token)
        if found.get("sub") != signed.claims.sub:
            raise LoginRejected("the provider says another subject when asked")
        claims = merge_claims(claims, found, settings)
    return LoginResult(
        claims=claims,
        token=token,
        id_token=id_token,
        provider_session=_session(signed),
        leave_url=metadata.end_session_endpoint,
        hosts=frozenset(hosts(metadata)),
    )


def _check(signed: VerifiedToken, nonce: str, access_token: str) -> None:
    claims = signed.claims
    if not claims.sub or claims.exp is None:
        raise LoginRejected("the id token has no subject, or no end")
    said = claims.nonce
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise LoginRejected("the id token belongs to another sign-in")
    if claims.at_hash is not None and claims.at_hash != at_hash(access_token, signed.algorithm):
        raise LoginRejected("the id token belongs to another access token")


def at_hash(access_token: str, algorithm: str) -> str:
    """How an id token names its access token. Source: OpenID Connect Core 1.0 §3.1.3.6."""
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _says_enough(claims: dict[str, Any], settings: OAuthSettings) -> bool:
    wanted = [settings.email_claim, settings.username_claim, settings.sub_claim or "sub"]
    if settings.role_management:
        wanted.append(settings.roles_claim)
    if settings.group_management:
        wanted.append(settings.groups_claim)
    return all(lookup(claims, one) not in NOTHING for one in wanted)


def merge_claims(
    claims: dict[str, Any], found: dict[str, Any], settings: OAuthSettings
) -> dict[str, Any]:
    """Claims of the id token with those of the endpoint over them.

    Whether an address is verified is said of the address it stands with, and of no other.
    """
    merged = claims | found
    if settings.email_claim in found and "email_verified" not in found:
        merged.pop("email_verified", None)
    elif settings.email_claim not in found:
        merged.pop("email_verified", None)
        if "email_verified" in claims:
            merged["email_verified"] = claims["email_verified"]
    return merged


def _session(signed: VerifiedToken) -> str | None:
    sid = signed.claims.sid
    fits = sid and len(sid) <= LONGEST_SID and sid.isprintable()
    return sid if fits else None
