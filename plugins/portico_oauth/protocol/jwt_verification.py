"""Tokens that a provider has signed: whether it was that provider, and whether they are for us and for now.

Source: OpenID Connect Core 1.0 §3.1.3.7; RFC 8725, best current practices for JSON Web Tokens.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from portico.api import now
from portico_oauth.errors import LoginRejected
from portico_oauth.protocol.discovery import Discovery, Metadata
from portico_oauth.protocol.jwks import KeySet
from portico_oauth.registrations import Registration

#: Seconds by which a provider's clock and ours may differ.
LEEWAY = 60
#: Characters of a token.
LONGEST_TOKEN = 64 * 1024
#: Never `none`, and none with a secret that would be the public key: that is how signatures are forged.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
#: What a provider signs with that does not say. Source: OpenID Connect Core 1.0 §2.
DEFAULT_ALGORITHMS = ("RS256",)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TENANT = "{tenantid}"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SignedClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked of a token, whatever kind it is. Units: times in epoch seconds."""

    iss: str
    aud: str | list[str]
    sub: str | None = None
    exp: int | float | None = None
    iat: int | float | None = None
    nbf: int | float | None = None
    azp: str | None = None
    nonce: msgspec.UnsetType | Any = msgspec.UNSET
    tid: str | None = None
    sid: str | None = None
    at_hash: str | None = None
    jti: str | None = None
    events: Any = None


class VerifiedToken(msgspec.Struct, frozen=True):
    """A token whose signature is its provider's. `everything`: all its claims, a JSON object."""

    claims: SignedClaims
    all_claims: dict[str, Any]
    header: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        return str(self.header["alg"])


_claims = msgspec.json.Decoder(SignedClaims).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode


async def read_signed(
    token: str, registration: Registration, discovery: Discovery
) -> VerifiedToken:
    """A token of this provider, for this client, that is in force. Raises: Refused; Away."""
    unproven = _taken_apart(token)
    header = unproven.headers()
    metadata = await discovery.metadata()
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in announced(metadata):
        raise LoginRejected(
            f"the token is signed with {str(algorithm)[:16]!r}, which is not accepted"
        )
    keys = await discovery.keys()
    if not any(keys.fitting(kid, algorithm)):
        keys = await discovery.newer_keys(keys)
    payload = unproven.payload
    claims, everything = _decoded(payload)
    _check_signature(token, keys, kid, algorithm, claims.iss)
    _check_issuer(claims, registration, metadata)
    _check_audience(claims, registration.client_id)
    _check_times(claims)
    return VerifiedToken(claims, everything, header)


def issuer_fits(issuer: str, metadata: Metadata) -> bool:
    """Whether this is the provider's name; where it stands for many tenants, that of any of them."""
    if _TENANT not in metadata.issuer:
        return issuer == metadata.issuer
    begin, _, end = metadata.issuer.partition(_TENANT)
    tenant = issuer[len(begin) : len(issuer) - len(end)]
    return bool(_GUID.fullmatch(tenant)) and issuer == f"{begin}{tenant}{end}"


def _taken_apart(token: str) -> Any:
    # Decoders of base64 pass over what is none, and what follows a signature is not signed.
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise LoginRejected("the token is no signed token, or too long")
    try:
        unproven = jws.extract_compact(token.encode())
        header = unproven.headers()
        if not all(isinstance(header.get(name, ""), str) for name in ("alg", "kid", "typ")):
            raise LoginRejected("the token's header does not fit")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise LoginRejected("the token is no signed token") from None
    return unproven


def announced(metadata: Metadata) -> set[str]:
    """The algorithms that a provider announces and that are accepted."""
    said = metadata.id_token_signing_alg_values_supported or DEFAULT_ALGORITHMS
    return set(said) & set(ALGORITHMS)


def unproven_claims(token: str) -> dict[str, Any]:
    """What a token says, whoever made it: for looking at, never for letting anybody in. Raises: Refused."""
    try:
        return _object(_taken_apart(token).payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise LoginRejected("the token's claims are no JSON object") from None


def _decoded(payload: bytes) -> tuple[SignedClaims, dict[str, Any]]:
    """Not by joserfc: its decoder takes halves of surrogate pairs, NaN and numbers of any length."""
    try:
        return _claims(payload), _object(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LoginRejected(f"the token's claims do not fit: {str(error)[:100]}") from None


def _check_signature(
    token: str, keys: KeySet, kid: str | None, algorithm: str, issuer: str
) -> None:
    for known in keys.fitting(kid, algorithm):
        if not _signs_for(known.issuer, issuer):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # EdDSA has a newer name; signatures are the same
                jws.deserialize_compact(token.encode(), known.key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        return
    raise LoginRejected("no key of the provider has signed the token")


def _signs_for(key_issuer: str, issuer: str) -> bool:
    if not key_issuer or key_issuer == issuer:
        return True
    begin, template, end = key_issuer.partition(_TENANT)
    return bool(template) and issuer.startswith(begin) and issuer.endswith(end)


def _check_issuer(claims: SignedClaims, registration: Registration, metadata: Metadata) -> None:
    if not issuer_fits(claims.iss, metadata):
        raise LoginRejected(f"the token's issuer is {claims.iss[:200]!r}")
    named = metadata.issuer.replace(_TENANT, claims.tid or "")
    if registration.any_tenant and named != claims.iss:
        # A tenant that signs for itself must not speak for another.
        raise LoginRejected("the token's tenant is not the one of its issuer")


def _check_audience(claims: SignedClaims, client_id: str) -> None:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if client_id not in audience:
        raise LoginRejected("the token is for another client")
    if claims.azp != client_id and (len(audience) > 1 or claims.azp is not None):
        raise LoginRejected("the token was given to another client")


def _check_times(claims: SignedClaims, clock: Callable[[], float] = now) -> None:
    at = clock()
    if claims.iat is None or claims.iat > at + LEEWAY:
        raise LoginRejected("the token is from the future, or does not say from when it is")
    if claims.exp is not None and claims.exp <= at - LEEWAY:
        raise LoginRejected("the token has expired")
    if claims.nbf is not None and claims.nbf > at + LEEWAY:
        raise LoginRejected("the token is not good yet")
