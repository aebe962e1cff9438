"""The passphrase of encrypted backups, and the keys that are derived from it."""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from portico.backup.errors import BackupRefused, DamagedBackup

#: Costs of scrypt: 64 MiB, and a quarter of a second. Memory is 128 * n * r bytes.
SCRYPT_N: Final = 2**16
SCRYPT_R: Final = 8
SCRYPT_P: Final = 2
#: The largest costs that a backup may ask for: a file that others made must not take the machine's memory.
MAX_N: Final = 2**20
MAX_R_P: Final = 16
MIN_CHARS: Final = 12
MAX_BYTES: Final = 4096
SALT_BYTES: Final = 16


class KeyDerivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the key of a backup is derived. `salt`: hexadecimal."""

    salt: str
    n: int = SCRYPT_N
    r: int = SCRYPT_R
    p: int = SCRYPT_P


class BackupKey:
    """The key of the encrypted backups of one target. It takes a quarter of a second to derive."""

    def __init__(self, passphrase: bytes, derivation: KeyDerivation) -> None:
        self.derivation = derivation
        self._master = _derive(passphrase, derivation)

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the cipher of one part. `salt`: of this part alone, so that nonces may count from zero."""
        return AESGCM(self._expand(b"part", salt))

    def name_of(self, digest: str) -> str:
        """Return the name of a content: it does not tell its digest to those who read the target."""
        return hmac.digest(self._expand(b"name", b""), digest.encode(), "sha256").hex()

    def _expand(self, purpose: bytes, salt: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt, b"portico backup " + purpose).derive(self._master)


def new_derivation() -> KeyDerivation:
    """Return a new salt with today's costs."""
    return KeyDerivation(secrets.token_hex(SALT_BYTES))


def read_passphrase(file: Path) -> bytes:
    """Return the passphrase in a file, without the line break at its end. Raises: BackupRefused."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            text = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BackupRefused(
            f"The passphrase file {file} cannot be read: {error.strerror}."
        ) from None
    text = text.removesuffix(b"\n").removesuffix(b"\r")
    if not MIN_CHARS <= len(text) <= MAX_BYTES:
        raise BackupRefused(
            f"The passphrase in {file} must have {MIN_CHARS} to {MAX_BYTES} bytes. Create one with: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return text


def _derive(passphrase: bytes, derivation: KeyDerivation) -> bytes:
    n, r, p = derivation.n, derivation.r, derivation.p
    if not (2 <= n <= MAX_N and n & (n - 1) == 0 and 1 <= r <= MAX_R_P and 1 <= p <= MAX_R_P):
        raise DamagedBackup("The backup asks for an impossible key derivation: it is damaged.")
    try:
        salt = bytes.fromhex(derivation.salt)
    except ValueError:
        raise DamagedBackup("The salt of the backup cannot be read: it is damaged.") from None
    return Scrypt(salt, 32, n, r, p).derive(passphrase)
