"""One database, one key that locks: an instance that cannot read what the others lock would fail one request at a time."""

from portico.db import execute, row, transaction
from portico.vault.vault import OtherKey, Vault

_CLAIM = "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
_ADOPT = (
    "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) "
    "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint"
)
_STORED = "SELECT fingerprint FROM portico_vault WHERE id = 1"


async def key_in_use() -> str | None:
    """The id of the key that locks in this database, None before its first use."""
    found = await row(_STORED)
    return found["fingerprint"] if found else None


async def claim_vault(vault: Vault) -> None:
    """Lock with the first key of this process, if it can read what was locked before. Raises: OtherKey."""
    stored = await key_in_use()
    if stored is None:
        async with transaction():
            await execute(_CLAIM, vault.current_id)
            stored = await key_in_use() or ""
    vault.in_use = stored
    if stored == vault.current_id:
        return
    if not vault.can_read(stored):
        raise OtherKey(stored, vault.current_id)
    await adopt_vault(vault)


async def adopt_vault(vault: Vault) -> None:
    """From now on the first key of this process locks."""
    await execute(_ADOPT, vault.current_id)
    vault.in_use = vault.current_id
