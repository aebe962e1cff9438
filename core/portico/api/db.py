"""Statements and transactions, tables and their checks, encrypted columns.

Statements are written once for both databases, with `$1` placeholders.
"""

from portico.db import (
    MAX_IDS_PER_STATEMENT,
    MAX_ROWS_PER_STATEMENT,
    Database,
    DatabaseCheck,
    EncryptedColumn,
    ForeignKeyViolation,
    Reference,
    Retention,
    TableSet,
    UniqueViolation,
    after_commit,
    chunks,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    hold_rows,
    new_id,
    now,
    placeholder_rows,
    placeholders,
    transaction,
)
from portico.encryption import DecryptionError, Encryptor

__all__ = [
    "MAX_IDS_PER_STATEMENT",
    "MAX_ROWS_PER_STATEMENT",
    "Database",
    "DatabaseCheck",
    "DecryptionError",
    "EncryptedColumn",
    "Encryptor",
    "ForeignKeyViolation",
    "Reference",
    "Retention",
    "TableSet",
    "UniqueViolation",
    "after_commit",
    "chunks",
    "current_database",
    "execute",
    "fetch_all",
    "fetch_all_in_thread",
    "fetch_one",
    "hold_rows",
    "new_id",
    "now",
    "placeholder_rows",
    "placeholders",
    "transaction",
]
