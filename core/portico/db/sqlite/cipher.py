"""Encrypted SQLite files: the module that reads them, and the key of a password.

The key is the one that SQLCipher 4 itself would make of the password, so its own tools open the file too. It is made here
because SQLCipher would make it again, with all its rounds, for every connection, and would want it as a text of SQL.
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
#: How a file begins that is not encrypted; one that is begins with its salt.
PLAIN_HEADER: Final = b"SQLite format 3\0"
MISSING = "Encrypted databases need the package sqlcipher3: pip install 'portico[sqlcipher]' (in a checkout: '.[sqlcipher]')."


class CipherKey:
    """The key of one file. It is given to a connection, and to nobody else; it is never a text of SQL."""

    __slots__ = ("_bytes",)

    def __init__(self, raw: bytes, salt: bytes) -> None:
        self._bytes = b"x'%s'" % (raw + salt).hex().encode()

    def apply_to(self, connection: Any) -> None:
        """Let this connection read and write the file. The first thing to be done with it."""
        connection.set_key(self._bytes)

    def reveal(self) -> str:
        """For `ATTACH DATABASE ? AS … KEY ?`, as a value."""
        return self._bytes.decode()

    def __repr__(self) -> str:
        return "CipherKey(********)"


def load_sqlcipher() -> Any:
    """The driver, a twin of `sqlite3`, taught the types that `sqlite3` knows by now. Raises: BadDatabase."""
    try:
        from sqlcipher3 import dbapi2
    except ImportError as error:
        raise BadDatabase(MISSING) from error
    for (kind, _), adapt in sqlite3.adapters.items():
        dbapi2.register_adapter(kind, adapt)
    dbapi2.converters.update(sqlite3.converters)
    return dbapi2


def new_key(password: Secret) -> CipherKey:
    """The key of a file that is yet to be made."""
    return _derive(password, secrets.token_bytes(SALT_BYTES))


def load_key(password: Secret, path: Path, module: Any) -> CipherKey:
    """The key of a file that is there, if this is its password. Raises: BadDatabase if it is not encrypted."""
    salt = read_salt(path, module)
    if salt == PLAIN_HEADER:
        raise BadDatabase(
            f"{path} is not encrypted. Stop every server that uses it and run `portico db encrypt`, or "
            "unset DATABASE_TYPE and DATABASE_PASSWORD."
        )
    return _derive(password, salt)


def read_salt(path: Path, module: Any) -> bytes:
    """The first bytes of a file.

    SQLite itself reads them: to open the file and close it again would drop the locks that other connections of this
    process hold on it.
    """
    connection = connect_read_only(path, module)
    try:
        CipherKey(b"\0" * 32, b"").apply_to(connection)
        return bytes.fromhex(connection.execute("PRAGMA cipher_salt").fetchone()[0])
    finally:
        connection.close()


def connect_read_only(path: Path, module: Any) -> Any:
    """A connection that changes nothing, not even the log of writes when it is closed."""
    connection = module.connect(f"{path.as_uri()}?mode=ro", uri=True)
    if module is not sqlite3:
        # It would tell standard error about every key that does not fit; we do so ourselves.
        connection.execute("PRAGMA cipher_log_level=NONE")
    return connection


@lru_cache(maxsize=4)
def _derive(password: Secret, salt: bytes) -> CipherKey:
    material = password.reveal().encode("utf-8", "surrogatepass")
    return CipherKey(hashlib.pbkdf2_hmac("sha512", material, salt, PBKDF2_ROUNDS, 32), salt)
