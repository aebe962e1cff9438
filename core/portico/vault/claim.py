"""One database, one key that locks: an instance that cannot read what the others lock would fail one request at a time."""

from portico.db import execute, row, transaction
from portico.errors import OperatorError
from portico.vault.vault import Vault

_CLAIM = "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
_ADOPT = (
    "INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) "
    "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint"
)
_STORED = "SELECT fingerprint FROM portico_vault WHERE id = 1"


class OtherKey(OperatorError):
    """What this database keeps locked cannot be read with the keys of this process."""


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
    if stored == vault.current_id:
        return
    if not vault.can_read(stored):
        raise OtherKey(
            f"this database locks tokens and keys with another key (its fingerprint is {stored}, of the one configured "
            f"here {vault.current_id}); give all instances the same PORTICO_ENCRYPTION_KEYS, name a secret key that "
            "was replaced in PORTICO_PREVIOUS_SECRET_KEYS, or run `portico secret --adopt`"
        )
    await adopt_vault(vault)


async def adopt_vault(vault: Vault) -> None:
    """From now on the first key of this process locks."""
    await execute(_ADOPT, vault.current_id)
