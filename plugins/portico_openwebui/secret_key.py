"""The secret key of the other server, with which it encrypted tokens of OAuth sessions."""

import base64
import hashlib
from pathlib import Path
from typing import Final

from portico.api import OperatorError

#: Characters of a key that is one of Fernet as it is.
_FERNET_CHARS: Final = 44


class SecretKey:
    """Decrypts what Open WebUI encrypted. Source: the format Fernet, with the SHA-256 of a key that has another length."""

    def __init__(self, secret: str) -> None:
        from cryptography.fernet import Fernet

        if len(secret) != _FERNET_CHARS:
            secret = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()
        try:
            self._fernet = Fernet(secret)
        except ValueError:
            raise OperatorError(
                "The secret key of Open WebUI has 44 characters, but is no key of the format Fernet. Check the file of "
                "--source-secret-key-file."
            ) from None

    @classmethod
    def of_file(cls, path: Path) -> "SecretKey":
        """Read a key from a file. Raises: OperatorError."""
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError(f"{path} cannot be read: {type(error).__name__}.") from None
        if not secret:
            raise OperatorError(f"{path} is empty.")
        return cls(secret)

    def decrypt(self, encrypted: str) -> bytes | None:
        """Return what was encrypted; None with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(encrypted.encode())
        except (InvalidToken, ValueError):
            return None
