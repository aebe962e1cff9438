"""What must be read again and not be read by others: locked under a key that is not in the database.

A plugin locks a text before it writes it and says with `TableSet(…, locked=…)` where it keeps such texts, so that they
can be locked anew when the operator changes the key.
"""

from portico.vault.claim import adopt_vault, claim_vault, key_in_use
from portico.vault.keys import configured_ring, make_ring
from portico.vault.rotation import Holding, Rotation, holdings, rotate
from portico.vault.tables import TABLES
from portico.vault.vault import OtherKey, Unreadable, Vault

__all__ = [
    "TABLES",
    "Holding",
    "OtherKey",
    "Rotation",
    "Unreadable",
    "Vault",
    "adopt_vault",
    "claim_vault",
    "configured_ring",
    "holdings",
    "key_in_use",
    "make_ring",
    "rotate",
]
