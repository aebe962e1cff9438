"""Encrypts and decrypts single texts."""

import binascii
import hmac
import re
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from enum import Enum
from functools import cached_property

from cryptography.exceptions import InvalidTag

from portico.encryption.key_ring import ID_CHARS, KeyRing
from portico.errors import OperatorError

VERSION = "v1"
#: Length of the prefix: the version, the id of the key, two dots.
PREFIX_CHARS = len(VERSION) + 1 + ID_CHARS + 1
NONCE_BYTES = 12
_ENCRYPTED_PATTERN = re.compile(rf"{VERSION}\.([0-9a-f]{{{ID_CHARS}}})\.([A-Za-z0-9_-]+)")


class DecryptionError(Exception):
    """A value cannot be decrypted: unknown key, other context, or damaged.

    The message names the reason and never contains a part of the value.
    """


class SignatureState(Enum):
    """What became of the check of a signature. `UNKNOWN_KEY`: its key is not configured, so nothing is known."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN_KEY = "unknown key"


class WrongEncryptionKey(OperatorError):
    """The encrypted values of the database need another key than those configured for this process."""

    def __init__(self, in_use: str, configured: str) -> None:
        super().__init__(
            f"this database encrypts tokens and keys with another key (fingerprint {in_use}; the configured one is "
            f"{configured}). Give all instances the same PORTICO_ENCRYPTION_KEYS, add a replaced secret key to "
            "PORTICO_PREVIOUS_SECRET_KEYS, or run `portico secret replace`."
        )


class Encryptor:
    """Encrypts values that must be read again, such as tokens of providers and API keys of model sources.

    AES-256-GCM with a random nonce; a key may encrypt 2**32 texts. `make_key_ring`: called once, at the first use.
    """

    def __init__(self, make_key_ring: Callable[[], KeyRing]) -> None:
        self._make_key_ring = make_key_ring
        #: Id of the key that encrypts in the open database; None = unknown, or none yet.
        self.stored_key_id: str | None = None

    @cached_property
    def key_ring(self) -> KeyRing:
        """The configured keys. Raises: WeakSecret."""
        return self._make_key_ring()

    def encrypt(self, text: str, context: str) -> str:
        """Return the text as `v1.<key id>.<base64url>`: letters, digits, `.`, `-` and `_`.

        `context`: what it belongs to, such as `keys:<id>`. Decryption needs the same context, so a value that is copied to
        another row cannot be read. Raises: WrongEncryptionKey if the key of the other instances is not configured, so a
        command without the settings of the server writes nothing that the server cannot read.
        """
        self._check_stored_key()
        key, nonce = self.key_ring.first, secrets.token_bytes(NONCE_BYTES)
        plain = text.encode("utf-8", "surrogatepass")
        data = nonce + key.cipher.encrypt(nonce, plain, _associated_data(key.id, context))
        return f"{VERSION}.{key.id}.{urlsafe_b64encode(data).rstrip(b'=').decode()}"

    def decrypt(self, encrypted: str, context: str) -> str:
        """Return the text. Raises: DecryptionError."""
        match = _ENCRYPTED_PATTERN.fullmatch(encrypted)
        if match is None:
            raise DecryptionError("this is not an encrypted value")
        key = self.key_ring.by_id.get(match[1])
        if key is None:
            raise DecryptionError(
                f"it is encrypted with the key {match[1]}, which is not configured"
            )
        try:
            data = b64decode(match[2] + "=" * (-len(match[2]) % 4), b"-_", validate=True)
            nonce, ciphertext = data[:NONCE_BYTES], data[NONCE_BYTES:]
            plain = key.cipher.decrypt(nonce, ciphertext, _associated_data(key.id, context))
        except (InvalidTag, ValueError, binascii.Error):
            raise DecryptionError("it is damaged or belongs to another context") from None
        return plain.decode("utf-8", "surrogatepass")

    def sign(self, data: bytes, context: str) -> str:
        """Return an HMAC-SHA256 of these bytes as `<key id>.<hex>`. `context`: what is signed, such as `audit seal`.

        Raises: WrongEncryptionKey, as `encrypt`.
        """
        self._check_stored_key()
        key = self.key_ring.first
        return f"{key.id}.{_hmac(key.signing_key, data, context)}"

    def check_signature(self, signature: str, data: bytes, context: str) -> SignatureState:
        """Return whether `sign` returned this signature of these bytes, with any of the configured keys."""
        key_id, _, digest = signature.partition(".")
        key = self.key_ring.by_id.get(key_id)
        if key is None:
            return SignatureState.UNKNOWN_KEY
        expected = _hmac(key.signing_key, data, context)
        is_valid = hmac.compare_digest(digest.encode(errors="replace"), expected.encode())
        return SignatureState.VALID if is_valid else SignatureState.INVALID

    def fingerprint(self, text: str, context: str) -> str:
        """Return 8 hexadecimal characters by which texts of one context are told apart. Without the key they say nothing.

        They change with the key.
        """
        data = f"{context}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.key_ring.first.mark_key, data, "sha256")[:4].hex()

    def is_current(self, encrypted: str) -> bool:
        """Return whether a value was encrypted with the current key. Others may still be readable."""
        return encrypted.startswith(self.current_prefix)

    @property
    def current_prefix(self) -> str:
        """The prefix of values that are encrypted now."""
        return f"{VERSION}.{self.key_ring.first.id}."

    @property
    def current_id(self) -> str:
        """The id of the key that encrypts now."""
        return self.key_ring.first.id

    def can_read(self, key_id: str) -> bool:
        """Return whether this key is configured, as the current one or an older one."""
        return key_id in self.key_ring.by_id

    def _check_stored_key(self) -> None:
        if self.stored_key_id is not None and not self.can_read(self.stored_key_id):
            raise WrongEncryptionKey(self.stored_key_id, self.current_id)


def _hmac(key: bytes, data: bytes, context: str) -> str:
    return hmac.digest(key, context.encode() + b"\0" + data, "sha256").hex()


def _associated_data(key_id: str, context: str) -> bytes:
    return f"{VERSION}.{key_id}.{context}".encode("utf-8", "surrogatepass")
