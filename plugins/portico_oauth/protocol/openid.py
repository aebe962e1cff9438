"""Sign-in by OpenID Connect: the id token, completed from the userinfo endpoint."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog

from portico_oauth.protocol.claims import EMPTY_VALUES, has_claim, lookup
from portico_oauth.protocol.discovery import Discovery, hosts
from portico_oauth.protocol.errors import LoginRejected, ProviderUnavailable
from portico_oauth.protocol.jwt_verification import VerifiedToken, verify_token
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.registration import Registration
from portico_oauth.protocol.userinfo import UnusableUserinfo, Userinfo

if TYPE_CHECKING:
    from portico_oauth.protocol.http import ProviderHTTP

log = structlog.get_logger("portico.oauth")

#: By the end of the algorithm's name; all others, also those of the Edwards curves, use SHA-512.
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}
#: Of a provider's session id.
MAX_SID_CHARS = 255


async def openid_login(
    token: dict[str, Any],
    nonce: str,
    *,
    registration: Registration,
    discovery: Discovery,
    http: "ProviderHTTP",
    wanted_claims: Sequence[str],
    required_claims: Sequence[str],
    email_claim: str,
) -> LoginResult:
    """Verify the response of the token endpoint and return what it contains about the user.

    `wanted_claims`: if one of them is empty in the id token, the userinfo endpoint is called. `required_claims`: if one of
    them is not in the id token, that call must succeed. Raises: LoginRejected; ProviderUnavailable.
    """
    access_token, id_token = token["access_token"], token.get("id_token")
    if not isinstance(id_token, str):
        raise LoginRejected("there is no id token")
    verified = await verify_token(id_token, registration, discovery)
    _check_id_token(verified, nonce, access_token)
    metadata = await discovery.metadata()
    claims = verified.all_claims
    if metadata.userinfo_endpoint and _is_missing(claims, wanted_claims):
        userinfo = Userinfo(metadata.userinfo_endpoint, registration, discovery, http)
        try:
            found = await userinfo.claims(access_token)
        except (ProviderUnavailable, UnusableUserinfo) as error:
            absent = [claim for claim in required_claims if not has_claim(claims, claim)]
            if absent:
                raise
            log.warning(
                "userinfo endpoint failed, id token used alone",
                provider=registration.name,
                why=error.why,
            )
        else:
            if found.get("sub") != verified.claims.sub:
                raise LoginRejected("the userinfo endpoint returned another subject")
            claims = merge_claims(claims, found, email_claim)
    return LoginResult(
        claims=claims,
        token=token,
        id_token=id_token,
        provider_session_id=_session_id(verified),
        end_session_url=metadata.end_session_endpoint,
        hosts=frozenset(hosts(metadata)),
    )


def _check_id_token(verified: VerifiedToken, nonce: str, access_token: str) -> None:
    claims = verified.claims
    if not claims.sub or claims.exp is None:
        raise LoginRejected("the id token has no subject, or no expiry")
    claimed_nonce = claims.nonce
    if not isinstance(claimed_nonce, str) or not hmac.compare_digest(
        claimed_nonce.encode(), nonce.encode()
    ):
        raise LoginRejected("the id token belongs to another sign-in")
    if claims.at_hash is not None and claims.at_hash != at_hash(access_token, verified.algorithm):
        raise LoginRejected("the id token belongs to another access token")


def at_hash(access_token: str, algorithm: str) -> str:
    """Return the hash by which an id token names its access token. Source: OpenID Connect Core 1.0 §3.1.3.6."""
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _is_missing(claims: dict[str, Any], wanted_claims: Sequence[str]) -> bool:
    return any(lookup(claims, claim) in EMPTY_VALUES for claim in wanted_claims)


def merge_claims(
    claims: dict[str, Any], userinfo: dict[str, Any], email_claim: str
) -> dict[str, Any]:
    """Return the claims of the id token, overridden by those of the userinfo endpoint that are not null.

    `email_verified` is taken from the source of the e-mail address only, and of the claim `email`, which it is about.
    """
    userinfo = {name: value for name, value in userinfo.items() if value is not None}
    merged = claims | userinfo
    has_email = "email" in userinfo or has_claim(userinfo, email_claim)
    if has_email and "email_verified" not in userinfo:
        merged.pop("email_verified", None)
    elif not has_email:
        merged.pop("email_verified", None)
        if "email_verified" in claims:
            merged["email_verified"] = claims["email_verified"]
    return merged


def _session_id(token: VerifiedToken) -> str | None:
    sid = token.claims.sid
    is_valid = isinstance(sid, str) and 0 < len(sid) <= MAX_SID_CHARS and sid.isprintable()
    return sid if is_valid else None
