"""Refuses a migration after which a table of another owner is gone."""

from collections.abc import Mapping
from typing import Final

from portico.db.database import Database
from portico.db.tableset import TableSet

_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    "postgres": "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') "
    "AND pg_table_is_visible(oid)",
}


async def existing_tables(database: Database) -> set[str]:
    """Return the names of all tables and views."""
    return {row["name"] for row in await database.rows(_TABLES[database.dialect])}


class ForeignTable(Exception):
    """A migration has removed a table of another owner."""


#: The tables that record what was migrated, with their owner.
_RECORDS: Final = {"portico_migration": "portico", "portico_migration_checksum": "portico"}


class TableGuard:
    """Knows which tables exist before a migration, and whose they are."""

    def __init__(self, database: Database, sets: Mapping[str, TableSet]) -> None:
        self._database = database
        self._owners = _RECORDS | {
            table._meta.tablename: owner for owner, one in sets.items() for table in one.tables
        }
        self._existing: set[str] | None = None

    async def look(self) -> None:
        """Note which tables exist, before the first migration."""
        if self._existing is None:
            self._existing = await existing_tables(self._database)

    async def check(self, owner: str) -> None:
        """Compare with before, inside the transaction of a migration. Raises: ForeignTable if it removed a table of others."""
        existing = await existing_tables(self._database)
        for table in sorted((self._existing or set()) - existing):
            other = self._owners.get(table, owner)
            if other != owner:
                raise ForeignTable(
                    f"it removes or renames the table {table!r}, which belongs to {other!r}; "
                    "change only tables of its own"
                )
        self._existing = existing
