"""One database, one key that locks: an instance that cannot read what the others lock would fail one request at a time."""

from portico.db import execute, fetch_one, transaction
from portico.encryption.encryptor import Encryptor, WrongEncryptionKey

_CLAIM = "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
_ADOPT = (
    "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) "
    "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint"
)
_STORED = "SELECT fingerprint FROM portico_vault WHERE id = 1"


async def stored_key_id() -> str | None:
    """The id of the key that locks in this database, None before its first use."""
    found = await fetch_one(_STORED)
    return found["fingerprint"] if found else None


async def check_encryption_key(vault: Encryptor) -> None:
    """Lock with the first key of this process, if it can read what was locked before. Raises: WrongEncryptionKey."""
    stored = await stored_key_id()
    if stored is None:
        async with transaction():
            await execute(_CLAIM, vault.current_id)
            stored = await stored_key_id() or ""
    vault.in_use = stored
    if stored == vault.current_id:
        return
    if not vault.can_read(stored):
        raise WrongEncryptionKey(stored, vault.current_id)
    await replace_encryption_key(vault)


async def replace_encryption_key(vault: Encryptor) -> None:
    """From now on the first key of this process locks."""
    await execute(_ADOPT, vault.current_id)
    vault.in_use = vault.current_id
