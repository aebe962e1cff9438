"""The signing keys of a provider (JWK sets)."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from portico_oauth.protocol.errors import ProviderUnavailable

#: Of one set; further ones are ignored.
MAX_KEYS = 100
#: Of an RSA key; a shorter one is ignored as insecure.
MIN_RSA_BITS = 2048

#: Members with certificates of the key, which are not used.
_CERTIFICATES = frozenset({"x5c", "x5t", "x5t#S256", "x5u"})

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key. `issuer`: the only one it signs for, empty = every one. Source: a member that Microsoft adds."""

    key: PublicKey
    kid: str | None
    algorithm: str | None
    issuer: str


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The keys of one provider that can verify signatures."""

    keys: tuple[SigningKey, ...]

    def fitting(self, kid: str | None, algorithm: str) -> Iterator[SigningKey]:
        """Yield the keys that may have made a signature. A key without an id matches every id."""
        for known in self.keys:
            if None not in (kid, known.kid) and known.kid != kid:
                continue
            if known.algorithm in (None, algorithm) and known.key.key_type == key_type(algorithm):
                yield known


def key_type(algorithm: str) -> str:
    """Return the key type of a signature algorithm."""
    types = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
    return types.get(algorithm[:2], "none")


def read_keys(document: bytes | msgspec.Raw) -> KeySet:
    """Return the signing keys of a JWK set; keys that are not valid are ignored. Raises: ProviderUnavailable."""
    try:
        keys = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, RecursionError):
        raise ProviderUnavailable("the key set is not valid JSON") from None
    if not isinstance(keys, list):
        raise ProviderUnavailable("the key set contains no list of keys")
    return KeySet(tuple(filter(None, map(_read_key, keys[:MAX_KEYS]))))


def _read_key(jwk: Any) -> SigningKey | None:
    if not isinstance(jwk, dict) or jwk.get("use") not in (None, "sig") or "d" in jwk:
        return None
    kid, algorithm, issuer = jwk.get("kid"), jwk.get("alg"), jwk.get("issuer", "")
    if not all(value is None or isinstance(value, str) for value in (kid, algorithm, issuer)):
        return None
    without_certificates = {
        name: value
        for name, value in jwk.items()
        if value is not None and name not in _CERTIFICATES
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # ALGORITHMS decides what is accepted, not the algorithm of the key
            key = JWKRegistry.import_key(without_certificates)
            if not isinstance(key, PublicKey):
                return None  # a symmetric key that is published is not secret
            if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
                return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return SigningKey(key, kid, algorithm, issuer or "")
