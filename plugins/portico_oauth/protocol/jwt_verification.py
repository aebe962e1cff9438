"""Verification of signed tokens (JWT): signature, issuer, audience and times.

Source: OpenID Connect Core 1.0 §3.1.3.7; RFC 8725, best current practices for JSON Web Tokens.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from portico.api.db import now
from portico_oauth.protocol.discovery import Discovery
from portico_oauth.protocol.errors import LoginRejected
from portico_oauth.protocol.jwks import KeySet
from portico_oauth.protocol.metadata import Metadata
from portico_oauth.protocol.registration import Registration

#: By which the provider's clock and this instance's clock may differ.
LEEWAY_SECONDS = 60
MAX_TOKEN_CHARS = 64 * 1024
#: Neither `none` nor HMAC: with HMAC, the public key would be the secret, and signatures could be forged.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
#: Of a provider that announces none. Source: OpenID Connect Core 1.0 §2.
DEFAULT_ALGORITHMS = ("RS256",)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TENANT = "{tenantid}"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SignedClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that are checked in tokens of all kinds. Units: times in epoch seconds.

    Those that only some tokens need may have any type, since a provider may use the name for something else.
    """

    iss: str
    aud: str | list[str]
    sub: str | None = None
    exp: int | float | None = None
    iat: int | float | None = None
    nbf: int | float | None = None
    azp: str | None = None
    nonce: msgspec.UnsetType | Any = msgspec.UNSET
    tid: Any = None
    sid: Any = None
    at_hash: str | None = None
    jti: Any = None
    events: Any = None


class VerifiedToken(msgspec.Struct, frozen=True):
    """A token that was verified. `all_claims`: a JSON object."""

    claims: SignedClaims
    all_claims: dict[str, Any]
    header: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """The signature algorithm, such as `RS256`."""
        return str(self.header["alg"])


_claims = msgspec.json.Decoder(SignedClaims).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode


async def verify_token(
    token: str, registration: Registration, discovery: Discovery
) -> VerifiedToken:
    """Return the verified claims of a token of this provider for this client.

    Raises: LoginRejected if the token is not valid; ProviderUnavailable.
    """
    metadata = await discovery.metadata()
    verified = await _verify_origin(
        token, registration, discovery, metadata, accepted_algorithms(metadata)
    )
    claims = verified.claims
    _check_audience(claims, registration.client_id)
    if claims.iat is None:
        raise LoginRejected("the token has no time of issue")
    return verified


async def verify_userinfo(
    token: str, registration: Registration, discovery: Discovery
) -> dict[str, Any]:
    """Return the verified claims of a signed response of the userinfo endpoint.

    Source: OpenID Connect Core 1.0 §5.3.2. It names issuer and audience, but needs no times and no authorized party.
    Raises: LoginRejected if it is not valid; ProviderUnavailable.
    """
    metadata = await discovery.metadata()
    announced = set(metadata.userinfo_signing_alg_values_supported or ()) & set(ALGORITHMS)
    algorithms = announced | accepted_algorithms(metadata)
    verified = await _verify_origin(token, registration, discovery, metadata, algorithms)
    if registration.client_id not in _audience(verified.claims):
        raise LoginRejected("the userinfo response is for another client")
    return verified.all_claims


async def _verify_origin(
    token: str,
    registration: Registration,
    discovery: Discovery,
    metadata: Metadata,
    algorithms: set[str],
) -> VerifiedToken:
    """Check signature, issuer and times, so that the token is of this provider, for any client."""
    unverified = _parse(token)
    header = unverified.headers()
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in algorithms:
        raise LoginRejected(
            f"the token is signed with {str(algorithm)[:16]!r}, which is not accepted"
        )
    keys = await discovery.keys()
    if not any(keys.fitting(kid, algorithm)):
        keys = await discovery.newer_keys(keys)
    claims, all_claims = _decode_claims(unverified.payload)
    _check_signature(token, keys, kid, algorithm, claims.iss)
    _check_issuer(claims, registration, metadata)
    _check_times(claims)
    return VerifiedToken(claims, all_claims, header)


def issuer_matches(issuer: str, metadata: Metadata) -> bool:
    """Whether this is the provider's issuer; for a provider with many tenants, that of any tenant."""
    if _TENANT not in metadata.issuer:
        return issuer == metadata.issuer
    begin, _, end = metadata.issuer.partition(_TENANT)
    tenant = issuer[len(begin) : len(issuer) - len(end)]
    return bool(_GUID.fullmatch(tenant)) and issuer == f"{begin}{tenant}{end}"


def _parse(token: str) -> Any:
    # base64 decoders ignore invalid characters, and text after the signature is not signed.
    if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise LoginRejected("the token is not a signed token, or too long")
    try:
        unverified = jws.extract_compact(token.encode())
        header = unverified.headers()
        if not all(isinstance(header.get(name, ""), str) for name in ("alg", "kid", "typ")):
            raise LoginRejected("the token's header is not valid")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise LoginRejected("the token is not a signed token") from None
    return unverified


def accepted_algorithms(metadata: Metadata) -> set[str]:
    """Return the algorithms that the provider announces and that are accepted."""
    announced = metadata.id_token_signing_alg_values_supported or DEFAULT_ALGORITHMS
    return set(announced) & set(ALGORITHMS)


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token without verifying it: to show them, never to sign in. Raises: LoginRejected."""
    try:
        return _object(_parse(token).payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise LoginRejected("the token's claims are not a JSON object") from None


def _decode_claims(payload: bytes) -> tuple[SignedClaims, dict[str, Any]]:
    """Decode claims strictly; the decoder of joserfc accepts lone surrogates, NaN and numbers of any length."""
    try:
        return _claims(payload), _object(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LoginRejected(f"the token's claims are not valid: {str(error)[:100]}") from None


def _check_signature(
    token: str, keys: KeySet, kid: str | None, algorithm: str, issuer: str
) -> None:
    for known in keys.fitting(kid, algorithm):
        if not _key_allows_issuer(known.issuer, issuer):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # EdDSA was renamed; the signatures are the same
                jws.deserialize_compact(token.encode(), known.key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        return
    raise LoginRejected("the token is not signed with a key of the provider")


def _key_allows_issuer(key_issuer: str, issuer: str) -> bool:
    if not key_issuer or key_issuer == issuer:
        return True
    begin, template, end = key_issuer.partition(_TENANT)
    return bool(template) and issuer.startswith(begin) and issuer.endswith(end)


def _check_issuer(claims: SignedClaims, registration: Registration, metadata: Metadata) -> None:
    bare_issuer = metadata.issuer.partition("://")[2] if registration.has_bare_issuer else None
    if claims.iss != bare_issuer and not issuer_matches(claims.iss, metadata):
        raise LoginRejected(f"the token's issuer is {claims.iss[:200]!r}")
    tenant = claims.tid if isinstance(claims.tid, str) else ""
    expected = metadata.issuer.replace(_TENANT, tenant)
    if registration.any_tenant and expected != claims.iss:
        # A tenant must not sign tokens of another tenant.
        raise LoginRejected("the token's tenant is not the tenant of its issuer")


def _audience(claims: SignedClaims) -> list[str]:
    return [claims.aud] if isinstance(claims.aud, str) else claims.aud


def _check_audience(claims: SignedClaims, client_id: str) -> None:
    audience = _audience(claims)
    if client_id not in audience:
        raise LoginRejected("the token is for another client")
    if claims.azp != client_id and (len(audience) > 1 or claims.azp is not None):
        raise LoginRejected("the token was issued to another client")


def _check_times(claims: SignedClaims, clock: Callable[[], float] = now) -> None:
    at = clock()
    if claims.iat is not None and claims.iat > at + LEEWAY_SECONDS:
        raise LoginRejected("the token has a time of issue in the future")
    if claims.exp is not None and claims.exp <= at - LEEWAY_SECONDS:
        raise LoginRejected("the token has expired")
    if claims.nbf is not None and claims.nbf > at + LEEWAY_SECONDS:
        raise LoginRejected("the token is not valid yet")
