"""Database access: the same SQL statements on SQLite and PostgreSQL.

database = open_database(settings, data_dir)
await database.start()
with database.use():
    async with transaction():
        await Chat.insert(Chat(id=new_id(), title="Hello"))
        after_commit(lambda: publish(ChatCreated(...)))
"""

from portico.db.address import open_database
from portico.db.clock import now
from portico.db.consistency import DatabaseCheck, all_checks
from portico.db.current import (
    after_commit,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    in_transaction,
    transaction,
)
from portico.db.database import Database, Row, Transaction
from portico.db.database_clock import with_clock
from portico.db.errors import (
    BadDatabase,
    BadMigration,
    Cause,
    Deadlock,
    ForeignKeyViolation,
    RollBack,
    TransactionFailed,
    UniqueViolation,
    cause_of,
    in_words,
)
from portico.db.migrate import (
    MigrationReport,
    SchemaStatus,
    apply_steps,
    migrate,
    pending,
    schema_status,
)
from portico.db.piccolo_engine import bind
from portico.db.retention import Retention
from portico.db.row_locks import hold_for_deletion, hold_rows
from portico.db.statement_values import (
    MAX_IDS_PER_STATEMENT,
    MAX_INT64,
    MAX_PAGE,
    MAX_ROWS_PER_STATEMENT,
    chunks,
    contains_pattern,
    literal_pattern,
    new_id,
    page_offset,
    placeholder_rows,
    placeholders,
    row_chunks,
)
from portico.db.tableset import EncryptedColumn, Reference, TableSet
from portico.settings.database import DatabaseSettings

__all__ = [
    "MAX_IDS_PER_STATEMENT",
    "MAX_INT64",
    "MAX_PAGE",
    "MAX_ROWS_PER_STATEMENT",
    "BadDatabase",
    "BadMigration",
    "Cause",
    "Database",
    "DatabaseCheck",
    "DatabaseSettings",
    "Deadlock",
    "EncryptedColumn",
    "ForeignKeyViolation",
    "MigrationReport",
    "Reference",
    "Retention",
    "Row",
    "SchemaStatus",
    "TableSet",
    "Transaction",
    "TransactionFailed",
    "RollBack",
    "UniqueViolation",
    "after_commit",
    "all_checks",
    "apply_steps",
    "bind",
    "cause_of",
    "chunks",
    "contains_pattern",
    "current_database",
    "execute",
    "fetch_all",
    "fetch_all_in_thread",
    "fetch_one",
    "hold_for_deletion",
    "hold_rows",
    "in_transaction",
    "in_words",
    "migrate",
    "literal_pattern",
    "new_id",
    "now",
    "open_database",
    "page_offset",
    "pending",
    "placeholder_rows",
    "placeholders",
    "row_chunks",
    "schema_status",
    "transaction",
    "with_clock",
]
