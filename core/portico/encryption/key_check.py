"""Check that all instances of a database can read each other's encrypted values."""

from portico.db import execute, fetch_one, transaction
from portico.encryption.encryptor import Encryptor, WrongEncryptionKey

_CLAIM = "INSERT INTO portico_encryption_key (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
_REPLACE = (
    "INSERT INTO portico_encryption_key (id, fingerprint) VALUES (1, $1) "
    "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint"
)
_STORED = "SELECT fingerprint FROM portico_encryption_key WHERE id = 1"


async def stored_key_id() -> str | None:
    """Return the id of the key that encrypts in this database, None before its first use."""
    row = await fetch_one(_STORED)
    return row["fingerprint"] if row else None


async def check_encryption_key(encryptor: Encryptor) -> None:
    """Use the first key of this process, if it can read the stored values. Raises: WrongEncryptionKey."""
    stored = await stored_key_id()
    if stored is None:
        async with transaction():
            await execute(_CLAIM, encryptor.current_id)
            stored = await stored_key_id() or ""
    encryptor.stored_key_id = stored
    if stored == encryptor.current_id:
        return
    if not encryptor.can_read(stored):
        raise WrongEncryptionKey(stored, encryptor.current_id)
    await replace_encryption_key(encryptor)


async def replace_encryption_key(encryptor: Encryptor) -> None:
    """Store the first key of this process as the one that encrypts."""
    await execute(_REPLACE, encryptor.current_id)
    encryptor.stored_key_id = encryptor.current_id
