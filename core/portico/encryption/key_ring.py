"""Encryption keys, derived from the configured secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portico.settings.identity import IdentitySettings
from portico.settings.secret_key import check_strength
from portico.settings.section import Secret

#: Hexadecimal characters of a key id.
ID_CHARS = 16
_SALT = b"portico vault v1"
_SETTING = "identity.encryption_keys (PORTICO_ENCRYPTION_KEYS)"


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """An encryption key. `id`: a fingerprint that does not reveal the key.

    `mark_key`: for fingerprints of texts. `signing_key`: for signatures of stored rows.
    """

    id: str
    cipher: AESGCM = field(repr=False)
    mark_key: bytes = field(repr=False)
    signing_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`first` encrypts; each key decrypts the values that it encrypted."""

    first: EncryptionKey
    by_id: dict[str, EncryptionKey]


def derive(secret: Secret) -> EncryptionKey:
    """Return the key that is derived from a secret."""
    material = secret.reveal().encode("utf-8", "surrogatepass")
    return EncryptionKey(
        _expand(material, b"id", ID_CHARS // 2).hex(),
        AESGCM(_expand(material, b"key", 32)),
        _expand(material, b"mark", 32),
        _expand(material, b"signature", 32),
    )


def make_key_ring(secrets: Sequence[Secret]) -> KeyRing:
    """Return the keys of these secrets; the first one encrypts."""
    keys = [derive(secret) for secret in secrets]
    return KeyRing(keys[0], {key.id: key for key in keys})


def configured_key_ring(settings: IdentitySettings, secret_key: Secret) -> KeyRing:
    """Return the configured encryption keys, else one that is derived from the secret key.

    Values that were encrypted with the secret key or with a previous one stay readable. Raises: WeakSecret.
    """
    for number, secret in enumerate(settings.encryption_keys, start=1):
        check_strength(secret.reveal(), f"{_SETTING}, number {number}")
    older = [secret for secret in settings.previous_secret_keys if secret]
    return make_key_ring([*settings.encryption_keys, secret_key, *older])


def _expand(material: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, _SALT, purpose).derive(material)
