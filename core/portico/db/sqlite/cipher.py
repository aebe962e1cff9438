"""Encrypted SQLite files: the driver that reads them, and the key derived from a password.

The key is the one that SQLCipher 4 itself derives from the password, so its own tools open the file too. It is derived
here because SQLCipher would derive it again for every connection, and would need the password in an SQL text.
"""

import hashlib
import secrets
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from portico.db.errors import BadDatabase
from portico.settings.section import Secret

PBKDF2_ROUNDS: Final = 256_000
SALT_BYTES: Final = 16
#: The first bytes of a file that is not encrypted. An encrypted file begins with its salt.
PLAIN_HEADER: Final = b"SQLite format 3\0"
MISSING = "Encrypted databases need the package sqlcipher3: pip install 'portico[sqlcipher]' (in a checkout: '.[sqlcipher]')."


class CipherKey:
    """The key of one file. It is passed to connections only, and never as SQL text."""

    __slots__ = ("_bytes",)

    def __init__(self, raw: bytes, salt: bytes) -> None:
        self._bytes = b"x'%s'" % (raw + salt).hex().encode()

    def apply_to(self, connection: Any) -> None:
        """Set the key of a new connection, before its first statement."""
        connection.set_key(self._bytes)

    def reveal(self) -> str:
        """Return the key as a value for `ATTACH DATABASE ? AS … KEY ?`."""
        return self._bytes.decode()

    def __repr__(self) -> str:
        return "CipherKey(********)"


def load_sqlcipher() -> Any:
    """Return the driver, which has the interface of `sqlite3` and its registered types. Raises: BadDatabase."""
    try:
        from sqlcipher3 import dbapi2
    except ImportError as error:
        raise BadDatabase(MISSING) from error
    for (kind, _), adapt in sqlite3.adapters.items():
        dbapi2.register_adapter(kind, adapt)
    dbapi2.converters.update(sqlite3.converters)
    return dbapi2


def new_key(password: Secret) -> CipherKey:
    """Return the key for a new file."""
    return _derive(password, secrets.token_bytes(SALT_BYTES))


def load_key(password: Secret, path: Path, module: Any) -> CipherKey:
    """Return the key for an existing file. Does not check the password. Raises: BadDatabase if it is not encrypted."""
    salt = read_salt(path, module)
    if salt == PLAIN_HEADER:
        raise BadDatabase(
            f"{path} is not encrypted. Stop every server that uses it and run `portico db encrypt`, or "
            "unset DATABASE_TYPE and DATABASE_PASSWORD."
        )
    return _derive(password, salt)


def read_salt(path: Path, module: Any) -> bytes:
    """Return the first bytes of a file.

    SQLite reads them, because opening and closing the file here would drop the locks that other connections of this
    process hold on it.
    """
    connection = connect_read_only(path, module)
    try:
        CipherKey(b"\0" * 32, b"").apply_to(connection)
        return bytes.fromhex(connection.execute("PRAGMA cipher_salt").fetchone()[0])
    finally:
        connection.close()


def connect_read_only(path: Path, module: Any) -> Any:
    """Return a connection that changes nothing, not even the write-ahead log when it is closed."""
    connection = module.connect(f"{path.as_uri()}?mode=ro", uri=True)
    if module is not sqlite3:
        # SQLCipher would write every wrong key to standard error.
        connection.execute("PRAGMA cipher_log_level=NONE")
    return connection


@lru_cache(maxsize=4)
def _derive(password: Secret, salt: bytes) -> CipherKey:
    material = password.reveal().encode("utf-8", "surrogatepass")
    return CipherKey(hashlib.pbkdf2_hmac("sha512", material, salt, PBKDF2_ROUNDS, 32), salt)
