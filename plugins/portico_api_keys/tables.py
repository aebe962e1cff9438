"""The tables of API keys, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api.db import EncryptedColumn, TableSet

#: Associated data of an encrypted key.
ENCRYPTION_CONTEXT = "key:{id}"


class KeyOwnerLockTable(Table, tablename="api_keys_owner"):
    """One row per account that has or had keys; locked while a key is created. `changes`: a counter."""

    account_id = Text(primary_key=True, default="")
    changes = BigInt()


class KeyTable(Table, tablename="api_keys_key"):
    """Keys. `endpoints`, `scopes`: JSON arrays. `encrypted_key`: the key itself, only of the one that clients show."""

    id = Text(primary_key=True, default="")
    account_id = Text()
    name = Text()
    prefix = Text()
    digest = Text()
    endpoints = Text(null=True, default=None)
    scopes = Text(null=True, default=None)
    enabled = Boolean(default=True)
    created_at = BigInt()
    expires_at = BigInt(null=True, default=None)
    last_used_at = BigInt(null=True, default=None)
    encrypted_key = Text(null=True, default=None)


TABLES = TableSet(
    tables=(KeyOwnerLockTable, KeyTable),
    migrations="portico_api_keys.migrations",
    encrypted_columns=(
        EncryptedColumn("api_keys_key", "id", "encrypted_key", context=ENCRYPTION_CONTEXT),
    ),
)
