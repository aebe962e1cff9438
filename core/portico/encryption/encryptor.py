"""Locking and unlocking one text."""

import binascii
import re
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import cached_property

from cryptography.exceptions import InvalidTag

from portico.encryption.key_ring import ID_LENGTH, KeyRing
from portico.errors import OperatorError

VERSION = "v1"
#: Characters before the ciphertext: the version, the id of the key, two dots.
HEAD_LENGTH = len(VERSION) + 1 + ID_LENGTH + 1
NONCE_BYTES = 12
_ENCRYPTED_PATTERN = re.compile(rf"{VERSION}\.([0-9a-f]{{{ID_LENGTH}}})\.([A-Za-z0-9_-]+)")


class DecryptionError(Exception):
    """A locked text cannot be unlocked: the key is another, it belongs to something else, or it is damaged.

    The text says which, and never holds a part of what was locked.
    """


class WrongEncryptionKey(OperatorError):
    """What this database keeps locked cannot be read with the keys of this process."""

    def __init__(self, in_use: str, configured: str) -> None:
        super().__init__(
            f"this database locks tokens and keys with another key (its fingerprint is {in_use}, of the one configured "
            f"here {configured}); give all instances the same PORTICO_ENCRYPTION_KEYS, name a secret key that "
            "was replaced in PORTICO_PREVIOUS_SECRET_KEYS, or run `portico secret --adopt`"
        )


class Encryptor:
    """Encrypts what must be read again, such as tokens of providers and keys of sources.

    AES-256-GCM under a random nonce; a key may lock four thousand million texts. `ring`: asked for once, when something
    is locked or unlocked for the first time.
    """

    def __init__(self, ring: Callable[[], KeyRing]) -> None:
        self._make_ring = ring
        #: The id of the key that locks in the database that is open; None = not known, or none yet.
        self.in_use: str | None = None

    @cached_property
    def ring(self) -> KeyRing:
        """Raises: WeakSecret."""
        return self._make_ring()

    def encrypt(self, text: str, about: str) -> str:
        """The text as `v1.<key id>.<base64url>`: letters, digits, `.`, `-` and `_`.

        `about`: what it belongs to, such as `keys:<id>`; it opens for nothing else, so nobody who can write to the
        database can put one account's token into another's row. Raises: WrongEncryptionKey if the key that others lock with is not
        configured here, so that a command run without the server's settings writes nothing the server cannot read.
        """
        if self.in_use is not None and not self.can_read(self.in_use):
            raise WrongEncryptionKey(self.in_use, self.current_id)
        key, nonce = self.ring.first, secrets.token_bytes(NONCE_BYTES)
        plain = text.encode("utf-8", "surrogatepass")
        sealed = nonce + key.cipher.encrypt(nonce, plain, _associated_data(key.id, about))
        return f"{VERSION}.{key.id}.{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def decrypt(self, locked: str, about: str) -> str:
        """The text again. Raises: Unreadable."""
        found = _ENCRYPTED_PATTERN.fullmatch(locked)
        if found is None:
            raise DecryptionError("this is not a text that the vault has locked")
        key = self.ring.by_id.get(found[1])
        if key is None:
            raise DecryptionError(f"it is locked with the key {found[1]}, which is not configured")
        try:
            sealed = b64decode(found[2] + "=" * (-len(found[2]) % 4), b"-_", validate=True)
            nonce, sealed = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            plain = key.cipher.decrypt(nonce, sealed, _associated_data(key.id, about))
        except (InvalidTag, ValueError, binascii.Error):
            raise DecryptionError("it is damaged, or belongs to something else") from None
        return plain.decode("utf-8", "surrogatepass")

    def is_current(self, locked: str) -> bool:
        """Whether it was made with the key that is used now. One that is not can still be readable."""
        return locked.startswith(self.current_prefix)

    @property
    def current_prefix(self) -> str:
        """How a text begins that is locked now."""
        return f"{VERSION}.{self.ring.first.id}."

    @property
    def current_id(self) -> str:
        """The id of the key that is used now."""
        return self.ring.first.id

    def can_read(self, key_id: str) -> bool:
        """Whether this key is configured, as the first one or as an older one."""
        return key_id in self.ring.by_id


def _associated_data(key_id: str, about: str) -> bytes:
    return f"{VERSION}.{key_id}.{about}".encode("utf-8", "surrogatepass")
