"""The keys with which a provider signs."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from portico_oauth.errors import ProviderUnavailable

#: Keys of one set that are looked at.
MOST = 100
#: Bits of an RSA key; a shorter one is no proof of anything.
LEAST_BITS = 2048

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class KnownKey:
    """`issuer`: the only one for which it signs, empty = every one. Source: a member that Microsoft adds."""

    key: PublicKey
    kid: str | None
    algorithm: str | None
    issuer: str


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The keys of one provider that can be used to check signatures."""

    keys: tuple[KnownKey, ...]

    def fitting(self, kid: str | None, algorithm: str) -> Iterator[KnownKey]:
        """Keys that may have made a signature. One without an id may have made any of its kind."""
        for known in self.keys:
            if None not in (kid, known.kid) and known.kid != kid:
                continue
            if known.algorithm in (None, algorithm) and known.key.key_type == kind_of(algorithm):
                yield known


def kind_of(algorithm: str) -> str:
    """The type of key of a signature algorithm."""
    kinds = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
    return kinds.get(algorithm[:2], "none")


def read_keys(document: bytes | msgspec.Raw) -> KeySet:
    """The keys of a JWK set that are for signatures. What cannot be read is passed over. Raises: Away."""
    try:
        found = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, RecursionError):
        raise ProviderUnavailable("its key set is not JSON") from None
    if not isinstance(found, list):
        raise ProviderUnavailable("its key set holds no keys")
    return KeySet(tuple(filter(None, map(_read, found[:MOST]))))


def _read(one: Any) -> KnownKey | None:
    if not isinstance(one, dict) or one.get("use", "sig") != "sig" or "d" in one:
        return None
    kid, algorithm, issuer = one.get("kid"), one.get("alg"), one.get("issuer", "")
    if not all(value is None or isinstance(value, str) for value in (kid, algorithm, issuer)):
        return None
    plain = {name: value for name, value in one.items() if name not in ("x5c", "x5t", "x5u")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the algorithms it names, ours decide
            key = JWKRegistry.import_key(plain)
            if not isinstance(key, PublicKey):
                return None  # a secret that everybody can read is none
            if isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_BITS:
                return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return KnownKey(key, kid, algorithm, issuer or "")
