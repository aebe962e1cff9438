"""Statements and transactions, tables and their checks, encrypted columns, what is stored outside of the database.

Statements are written once for both databases, with `$1` placeholders.

Constants:

    MAX_IDS_PER_STATEMENT   Number of ids that one statement may have.
    MAX_INT64               The largest integer that a column and a placeholder can have.
    MAX_ROWS_PER_STATEMENT  Number of rows that one statement may insert.
"""

from portico.backup.contents import ContentStore, NewContent, StoredContents
from portico.db import (
    MAX_IDS_PER_STATEMENT,
    MAX_INT64,
    MAX_ROWS_PER_STATEMENT,
    Database,
    DatabaseCheck,
    EncryptedColumn,
    ForeignKeyViolation,
    Reference,
    Retention,
    RollBack,
    TableSet,
    UniqueViolation,
    after_commit,
    chunks,
    contains_pattern,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    hold_rows,
    literal_pattern,
    new_id,
    now,
    page_offset,
    placeholder_rows,
    placeholders,
    row_chunks,
    transaction,
    with_clock,
)
from portico.encryption import DecryptionError, Encryptor

__all__ = [
    "MAX_IDS_PER_STATEMENT",
    "MAX_INT64",
    "MAX_ROWS_PER_STATEMENT",
    "ContentStore",
    "Database",
    "DatabaseCheck",
    "DecryptionError",
    "EncryptedColumn",
    "Encryptor",
    "ForeignKeyViolation",
    "Reference",
    "Retention",
    "TableSet",
    "NewContent",
    "RollBack",
    "StoredContents",
    "UniqueViolation",
    "after_commit",
    "chunks",
    "contains_pattern",
    "current_database",
    "execute",
    "fetch_all",
    "fetch_all_in_thread",
    "fetch_one",
    "hold_rows",
    "literal_pattern",
    "new_id",
    "now",
    "page_offset",
    "placeholder_rows",
    "placeholders",
    "row_chunks",
    "transaction",
    "with_clock",
]
